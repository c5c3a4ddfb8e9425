"""Deactivating and reactivating."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import (
    IMAGES,
    action,
    download,
    image,
    patch,
    raw_image,
    replace,
    share,
    show,
    upload,
)

CALLERS = ("colleague", "reader", "writer", "invited", "other", "admin", "bare-admin", "anonymous")


def scenes() -> Iterator[Scene]:
    active = (raw_image(), upload(), share("invited"))
    yield from each(
        active,
        {
            "actions/deactivate": [action("deactivate"), show()],
            "actions/deactivate-twice": [action("deactivate"), action("deactivate")],
            "actions/reactivate-active": [action("reactivate"), show()],
            "actions/there-and-back": [
                action("deactivate"),
                action("reactivate"),
                show(),
                download(),
            ],
            "actions/data-while-off": [
                action("deactivate"),
                download(),
                download(caller="invited"),
                download(caller="other"),
                download(caller="admin"),
            ],
            "actions/patch-while-off": [action("deactivate"), patch(replace("/name", "x"))],
            "actions/upload-while-off": [action("deactivate"), upload()],
            "actions/share-while-off": [action("deactivate"), share("second")],
            "actions/seen-while-off": [action("deactivate"), show(caller="invited")],
            "actions/body": Request("POST", f"{IMAGES}/<a>/actions/deactivate", json={}),
            "actions/body-text": Request("POST", f"{IMAGES}/<a>/actions/deactivate", body=b"x"),
            "actions/unknown": action("explode"),
            "actions/get": Request("GET", f"{IMAGES}/<a>/actions/deactivate"),
            "actions/put": Request("PUT", f"{IMAGES}/<a>/actions/reactivate"),
            "actions/collection": Request("POST", f"{IMAGES}/<a>/actions"),
        },
    )
    for caller in CALLERS:
        yield from each(
            active,
            {
                f"actions/deactivate-as-{caller}": action("deactivate", caller=caller),
                f"actions/reactivate-as-{caller}": [
                    action("deactivate"),
                    action("reactivate", caller=caller),
                ],
            },
        )
    yield from each(
        (image(),),
        {
            "actions/deactivate-queued": [action("deactivate"), show()],
            "actions/reactivate-queued": action("reactivate"),
            "actions/deactivate-queued-as-other": action("deactivate", caller="other"),
        },
    )
    protected = (raw_image(protected=True), upload())
    yield from each(protected, {"actions/deactivate-protected": action("deactivate")})
    community = (raw_image(visibility="community"), upload())
    yield from each(community, {"actions/community-as-other": action("deactivate", caller="other")})
    missing = {
        f"actions/{name}-missing": action(name, "never") for name in ("deactivate", "reactivate")
    }
    yield scene((), missing)
