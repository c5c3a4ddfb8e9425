"""Lists of namespaces: pages, order, filters. Of the scene alone, by a resource type of its own."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, scene
from tests.conformance.requests import get
from tests.conformance.table.metadef_requests import NAMESPACES, namespace, post

TYPE = "<nonce>-type"
MINE = f"resource_types={TYPE}"

QUERIES = {
    "plain": "",
    "limit-1": "limit=1",
    "limit-3": "limit=3",
    "limit-0": "limit=0",
    "limit-over": "limit=100",
    "limit-negative": "limit=-1",
    "limit-text": "limit=a",
    "limit-empty": "limit=",
    "limit-float": "limit=1.5",
    "limit-huge": f"limit={10**30}",
    "marker": "marker=<nonce>-b",
    "marker-last": "marker=<nonce>-a",
    "marker-unknown": "marker=<nonce>-none",
    "marker-other": "marker=<nonce>-z",
    "marker-empty": "marker=",
    "marker-4-byte": "marker=%F0%9F%8E%89",
    "marker-limit": "marker=<nonce>-c&limit=1",
    "by-namespace": "sort_key=namespace",
    "by-namespace-asc": "sort_key=namespace&sort_dir=asc",
    "by-namespace-marker": "sort_key=namespace&sort_dir=asc&marker=<nonce>-a&limit=1",
    "by-id": "sort_key=id",
    "by-created": "sort_key=created_at&sort_dir=asc",
    "by-updated": "sort_key=updated_at&sort_dir=asc",
    "by-display-name": "sort_key=display_name&sort_dir=asc",
    "by-display-name-desc": "sort_key=display_name",
    "by-display-name-marker": "sort_key=display_name&sort_dir=asc&marker=<nonce>-a",
    "by-description": "sort_key=description&sort_dir=asc",
    "by-visibility": "sort_key=visibility&sort_dir=asc",
    "by-protected": "sort_key=protected&sort_dir=asc",
    "by-unknown": "sort_key=colour",
    "by-empty": "sort_key=",
    "sort-dir-unknown": "sort_dir=up",
    "sort-dir-upper-case": "sort_dir=ASC",
    "public": "visibility=public",
    "private": "visibility=private",
    "shared": "visibility=shared",
    "visibility-empty": "visibility=",
    "unknown": "colour=red",
}
CALLERS = ("owner", "reader", "writer", "roleless", "other", "homeless", "bare-admin", "anonymous")


def scenes() -> Iterator[Scene]:
    tied = {"resource_type_associations": [{"name": TYPE, "prefix": "x_"}]}
    ground = (
        namespace(namespace="<nonce>-c", owner="<owner>", visibility="public", **tied),
        namespace(namespace="<nonce>-a", owner="<owner>", display_name="B", protected=True, **tied),
        namespace(namespace="<nonce>-b", owner="<other>", display_name="a", description="d",
                  resource_type_associations=[{"name": TYPE}, {"name": "<nonce>-more"}]),
        namespace(namespace="<nonce>-z", owner="<owner>"),
    )  # fmt: skip
    asked: dict[str, Request] = {}
    for word, query in QUERIES.items():
        asked[f"metadefs-lists/{word}"] = get(f"{NAMESPACES}?{MINE}&{query}", "admin")
    for caller in CALLERS:
        asked[f"metadefs-lists/as-{caller}"] = get(f"{NAMESPACES}?{MINE}", caller)
        asked[f"metadefs-lists/private-as-{caller}"] = get(
            f"{NAMESPACES}?{MINE}&visibility=private", caller
        )
    yield scene(
        ground,
        {
            **asked,
            "metadefs-lists/own": get(f"{NAMESPACES}?visibility=private"),
            "metadefs-lists/marker-foreign": get(f"{NAMESPACES}?{MINE}&marker=<nonce>-b"),
            "metadefs-lists/two-types": get(f"{NAMESPACES}?{MINE},<nonce>-more", "admin"),
            "metadefs-lists/one-of-two-types": get(
                f"{NAMESPACES}?resource_types=<nonce>-none,<nonce>-more", "admin"
            ),
            "metadefs-lists/unknown-type": get(
                f"{NAMESPACES}?resource_types=<nonce>-none", "admin"
            ),
            "metadefs-lists/type-empty": get(f"{NAMESPACES}?resource_types=", "admin"),
            "metadefs-lists/type-4-byte": get(f"{NAMESPACES}?resource_types=%F0%9F%8E%89", "admin"),
            "metadefs-lists/type-upper-case": get(
                f"{NAMESPACES}?resource_types=<nonce>-TYPE", "admin"
            ),
            "metadefs-lists/body": Request("GET", f"{NAMESPACES}?{MINE}", "admin", json={}),
            "metadefs-lists/head": Request("HEAD", NAMESPACES, "admin"),
        },
    )
    many = tuple(namespace(namespace=f"<nonce>-{n}", owner="<owner>", **tied) for n in range(10))
    yield scene(
        many,
        {
            "metadefs-lists/default-limit": get(f"{NAMESPACES}?{MINE}", "admin"),
            "metadefs-lists/largest-limit": get(f"{NAMESPACES}?{MINE}&limit=9", "admin"),
            "metadefs-lists/second-page": get(f"{NAMESPACES}?{MINE}&marker=<nonce>-5", "admin"),
            "metadefs-lists/add-and-see": [
                post(f"{NAMESPACES}/<nonce>-0/tags/x"),
                get(f"{NAMESPACES}?{MINE}&marker=<nonce>-1", "admin"),
            ],
        },
    )
