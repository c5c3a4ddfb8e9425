"""Removing one copy of an image, and what administrators are told of the stores."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import JSON, action, get, image, raw_image, share, show, upload

STORES = "/v2/stores"
DETAIL = "/v2/info/stores/detail"


def remove_copy(store: str = "file1", label: str = "a", caller: str = "admin") -> Request:
    return Request("DELETE", f"{STORES}/{store}/<{label}>", caller)


def scenes() -> Iterator[Scene]:
    one_copy = {
        f"copies/only-one-by-{caller}": remove_copy(caller=caller)
        for caller in (
            "admin", "bare-admin", "owner", "colleague", "reader", "writer", "roleless",
            "invited", "other", "service", "anonymous", "invalid",
        )
    }  # fmt: skip
    one_copy |= {
        "copies/only-one-then-show": [remove_copy(), show()],
        "copies/not-in-that-store": remove_copy("file2"),
        "copies/no-such-store": remove_copy("file9"),
        "copies/no-such-store-by-owner": remove_copy("file9", caller="owner"),
        "copies/no-such-store-by-other": remove_copy("file9", caller="other"),
        "copies/reserved-store": remove_copy("os_glance_staging_store"),
        "copies/no-such-image": remove_copy(label="never"),
        "copies/no-such-image-by-owner": remove_copy(label="never", caller="owner"),
        "copies/no-such-image-nor-store": remove_copy("file9", label="never"),
        "copies/no-uuid": Request("DELETE", f"{STORES}/file1/debian", "admin"),
        "copies/json": Request("DELETE", f"{STORES}/file1/<a>", "admin", headers=JSON),
        "copies/body": Request("DELETE", f"{STORES}/file1/<a>", "admin", json={}),
        "copies/body-text": Request("DELETE", f"{STORES}/file1/<a>", "admin", body=b"x"),
        "copies/get": get(f"{STORES}/file1/<a>", "admin"),
        "copies/put": Request("PUT", f"{STORES}/file1/<a>", "admin"),
        "copies/store-alone": Request("DELETE", f"{STORES}/file1", "admin"),
        "copies/stores-alone": get(STORES, "admin"),
        "copies/slash": Request("DELETE", f"{STORES}/file1/<a>/", "admin"),
    }
    yield scene((raw_image(), share("invited"), upload()), one_copy)
    yield from each(
        (image(),),
        {
            "copies/queued": remove_copy(),
            "copies/queued-by-owner": remove_copy(caller="owner"),
            "copies/queued-no-such-store": remove_copy("file9"),
        },
    )
    yield from each(
        (raw_image(), upload(), action("deactivate")), {"copies/deactivated": remove_copy()}
    )
    yield from each(
        (raw_image(protected=True), upload()), {"copies/protected": [remove_copy(), show()]}
    )

    detail: dict[str, Request] = {
        f"copies/detail-as-{caller}": get(DETAIL, caller)
        for caller in ("admin", "bare-admin", "service", "owner", "reader", "roleless", "anonymous")
    }
    detail |= {
        "copies/detail-post": Request("POST", DETAIL, "admin"),
        "copies/detail-slash": get(f"{DETAIL}/", "admin"),
        "copies/detail-below": get(f"{DETAIL}/file1", "admin"),
        "copies/detail-body": Request("GET", DETAIL, "admin", json={}),
        "copies/detail-body-as-owner": Request("GET", DETAIL, json={}),
        "copies/detail-query": get(f"{DETAIL}?colour=red", "admin"),
    }
    yield scene((), detail)
