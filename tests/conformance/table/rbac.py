"""The matrix of routes and callers: one row a route, each asked by every kind of caller.

A row asks on ground of its own, so that an answer depends on nobody who came before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tests.conformance.entry import Request, Scene, each
from tests.conformance.requests import (
    IMAGES,
    action,
    answer,
    create,
    delete,
    download,
    get,
    listing,
    patch,
    raw_image,
    replace,
    share,
    show,
    tag,
    upload,
)

CALLERS: Final[Mapping[str, str]] = {
    "admin": "admin",
    "manager": "manager",
    "member": "colleague",
    "reader": "reader",
    "service": "service",
    "owner": "owner",
    "shared-member": "invited",
    "other-project": "other",
    "no-token": "anonymous",
}
"""Kind of caller → the caller of the table who stands for it."""

MEMBERS = f"{IMAGES}/<a>/members"
OFF = action("deactivate")
DRAFT = "draft"

Row = tuple[tuple[Request, ...], Request]
"""What happens before, by people who may, and what is then asked by everyone."""

ROWS: Final[Mapping[str, Row]] = {
    "list": ((), listing("owner=<owner>")),
    "create": ((), create({"name": "new"})),
    "create-community": ((), create({"visibility": "community"})),
    "create-public": ((), create({"visibility": "public"})),
    "create-for-another": ((), create({"owner": "<second>"})),
    "show": ((), show()),
    "change": ((), patch(replace("/name", "changed"))),
    "change-visibility": ((), patch(replace("/visibility", "private"))),
    "communitize": ((), patch(replace("/visibility", "community"))),
    "publicize": ((), patch(replace("/visibility", "public"))),
    "give-away": ((), patch(replace("/owner", "<second>"))),
    "delete": ((), delete()),
    "upload": ((raw_image(DRAFT), share("invited", DRAFT)), upload(DRAFT)),
    "download": ((), download()),
    "deactivate": ((), action("deactivate")),
    "reactivate": ((OFF,), action("reactivate")),
    "download-while-off": ((OFF,), download()),
    "add-tag": ((), tag("PUT", "new")),
    "remove-tag": ((), tag("DELETE", "old")),
    "list-members": ((), get(MEMBERS)),
    "show-member": ((), get(f"{MEMBERS}/<invited>")),
    "show-another-member": ((), get(f"{MEMBERS}/<second>")),
    "add-member": ((), Request("POST", MEMBERS, json={"member": "<other>"})),
    "answer": ((), answer("rejected")),
    "remove-member": ((), Request("DELETE", f"{MEMBERS}/<invited>")),
    "info-import": ((), get("/v2/info/import")),
    "info-stores": ((), get("/v2/info/stores")),
    "schema": ((), get("/v2/schemas/member")),
}

LATER: Final = (
    "/v2/metadefs",
    "/v2/tasks",
    "/v2/cache",
    "/v2/cached_images",
    "/v2/queued_images",
    "/v2/stores",
    "/v2/info/stores/detail",
    "/v2/images/{image_id}/locations",
    "/v2/info/usage",
    "/v2/openapi.json",
    "/v2/schemas/metadefs",
    # Glance has no such thing; tests/service/test_events.py tries its callers.
    "/v2/events",
    # How far an import is when it is asked after depends on the moment; test_tasks.py
    # of the service tries their callers.
    "/v2/images/{image_id}/stage",
    "/v2/images/{image_id}/import",
    "/v2/images/{image_id}/tasks",
)
"""Parts of the API whose callers other groups of the table try, or that Glance has not at all."""


def scenes() -> Iterator[Scene]:
    ground = (
        raw_image(tags=["old"]),
        upload(),
        share("invited"),
        answer("accepted"),
        share("second"),
    )
    for row, (before, asked) in ROWS.items():
        for kind, caller in CALLERS.items():
            request = Request(
                asked.method, asked.path, caller, asked.json, asked.body, asked.headers,
                label=asked.label,
            )  # fmt: skip
            yield from each((*ground, *before), {f"rbac/{row}-as-{kind}": request})
