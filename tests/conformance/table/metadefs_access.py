"""Who may do what with metadata definitions: every route, every kind of caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.conformance.entry import ABSENT, Request, Scene, each, scene
from tests.conformance.requests import get
from tests.conformance.table.metadef_requests import (
    DEFINITION,
    NAMESPACE,
    NAMESPACES,
    WHOLE,
    delete,
    namespace,
    post,
    put,
)

CALLERS = (
    "owner", "reader", "writer", "roleless", "other", "other-reader", "bare-admin", "homeless",
    "anonymous",
)  # fmt: skip
READS = {
    "show": NAMESPACE,
    "objects": f"{NAMESPACE}/objects",
    "object": f"{NAMESPACE}/objects/o1",
    "properties": f"{NAMESPACE}/properties",
    "property": f"{NAMESPACE}/properties/p1",
    "prefixed": f"{NAMESPACE}/properties/a_p1?resource_type=<nonce>-a",
    "tags": f"{NAMESPACE}/tags",
    "tag": f"{NAMESPACE}/tags/t1",
    "types": f"{NAMESPACE}/resource_types",
}
WRITES: dict[str, tuple[Callable[..., Request], tuple[Any, ...]]] = {
    "replace": (put, (NAMESPACE, {"namespace": "<nonce>"})),
    "delete": (delete, (NAMESPACE,)),
    "add-object": (post, (f"{NAMESPACE}/objects", {"name": "n"})),
    "put-object": (put, (f"{NAMESPACE}/objects/o1", {"name": "o1"})),
    "delete-object": (delete, (f"{NAMESPACE}/objects/o1",)),
    "clear-objects": (delete, (f"{NAMESPACE}/objects",)),
    "add-property": (post, (f"{NAMESPACE}/properties", {"name": "n", **DEFINITION})),
    "put-property": (put, (f"{NAMESPACE}/properties/p1", {"name": "p1", **DEFINITION})),
    "delete-property": (delete, (f"{NAMESPACE}/properties/p1",)),
    "clear-properties": (delete, (f"{NAMESPACE}/properties",)),
    "add-tag": (post, (f"{NAMESPACE}/tags/x", ABSENT)),
    "put-tag": (put, (f"{NAMESPACE}/tags/t1", {"name": "t1"})),
    "delete-tag": (delete, (f"{NAMESPACE}/tags/t1",)),
    "set-tags": (post, (f"{NAMESPACE}/tags", {"tags": [{"name": "a"}]})),
    "clear-tags": (delete, (f"{NAMESPACE}/tags",)),
    "associate": (post, (f"{NAMESPACE}/resource_types", {"name": "<nonce>-n"})),
    "dissociate": (delete, (f"{NAMESPACE}/resource_types/<nonce>-a",)),
}


def scenes() -> Iterator[Scene]:
    for visibility in ("public", "private"):
        ground = (namespace(**WHOLE, owner="<owner>", visibility=visibility),)
        yield scene(
            ground,
            {
                f"metadefs-access/{visibility}-{word}-as-{caller}": get(path, caller)
                for caller in CALLERS
                for word, path in READS.items()
            },
        )
        # Refused to all of these, so nothing changes.
        yield scene(
            ground,
            {
                f"metadefs-access/{visibility}-{word}-as-{caller}": _by(caller, word)
                for caller in CALLERS
                if caller != "bare-admin"
                for word in WRITES
            },
        )
        yield from each(
            ground,
            {
                f"metadefs-access/{visibility}-{word}-as-bare-admin": _by("bare-admin", word)
                for word in WRITES
            },
        )
    for caller in CALLERS:
        yield from each(
            (),
            {
                f"metadefs-access/create-as-{caller}": post(
                    NAMESPACES, {"namespace": "<nonce>"}, caller
                ),
                f"metadefs-access/create-whole-as-{caller}": post(
                    NAMESPACES, {"namespace": "<nonce>", **WHOLE}, caller
                ),
            },
        )


def _by(caller: str, word: str) -> Request:
    make, arguments = WRITES[word]
    return make(*arguments, caller)
