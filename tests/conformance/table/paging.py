"""The order of lists, and their pages."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Scene, scene
from tests.conformance.requests import image, listing, raw_image, upload

GROUND = (
    raw_image("one", name="b", min_ram=3, tags=["x", "y"]),
    raw_image("two", name="a", min_ram=1, tags=["x"]),
    image("three", name="c", disk_format="qcow2", tags=["x", "y"]),
    image("four", name="b", container_format="ovf", visibility="private"),
    image("five", name=None, tags=["x", "y"]),
    raw_image("six", name="B", tags=["x"]),
    upload("one", b"0123456789"),
    upload("two", b"01234"),
    upload("six", b""),
    image("foreign", "other"),
)

KEYS = ["name", "status", "container_format", "disk_format", "size", "id", "created_at"]
REFUSED_KEYS = ["min_ram", "owner", "visibility", "checksum", "colour", "tags", "deleted", ""]

QUERIES: dict[str, str] = {
    "default": "",
    "limit-0": "limit=0",
    "limit-1": "limit=1",
    "limit-2": "limit=2",
    "limit-6": "limit=6",
    "limit-7": "limit=7",
    "limit-8": "limit=8",
    "limit-9": "limit=9",
    "limit-huge": "limit=100000000000000000000",
    "limit-negative": "limit=-1",
    "limit-text": "limit=two",
    "limit-float": "limit=1.5",
    "limit-empty": "limit=",
    "limit-spaces": "limit=%202%20",
    "limit-twice": "limit=1&limit=2",
    "marker": "marker=<three>&limit=2",
    "marker-first": "marker=<six>&limit=8",
    "marker-last": "marker=<one>&limit=8",
    "marker-unknown": "marker=nothing",
    "marker-unknown-uuid": "marker=<never>",
    "marker-foreign": "marker=<foreign>",
    "marker-empty": "marker=",
    "marker-twice": "marker=<three>&marker=<five>&limit=8",
    "marker-not-in-filter": "marker=<four>&status=active&limit=8",
    "sort": "sort=name:asc&limit=8",
    "sort-default-direction": "sort=name&limit=8",
    "sort-two": "sort=name:asc,id:desc&limit=8",
    "sort-spaces": "sort=name:asc,%20id&limit=8",
    "sort-bad-direction": "sort=name:up",
    "sort-upper-direction": "sort=name:ASC",
    "sort-bad-key": "sort=colour:asc",
    "sort-empty": "sort=",
    "sort-trailing-comma": "sort=name:asc,",
    "sort-twice": "sort=name:asc&sort=id:asc&limit=8",
    "sort-repeated-key": "sort=name:asc,name:desc&limit=8",
    "sort-with-sort-key": "sort=name:asc&sort_key=id",
    "sort-with-sort-dir": "sort=name:asc&sort_dir=asc",
    "sort-paged": "sort=name:asc&limit=2",
    "sort-next-page": "sort=name:asc&limit=2&marker=<two>",
    "sort-null-marker": "sort=name:asc&limit=8&marker=<five>",
    "sort-size-marker": "sort=size:asc&limit=8&marker=<six>",
    "sort-status-marker": "sort=status:desc,name:asc&limit=8&marker=<four>",
    "sort-dir-alone": "sort_dir=asc&limit=8",
    "sort-dir-bad": "sort_dir=up",
    "sort-dir-empty": "sort_dir=",
    "sort-dir-two": "sort_dir=asc&sort_dir=desc",
    "sort-keys-one-dir": "sort_key=name&sort_key=id&sort_dir=asc&limit=8",
    "sort-keys-two-dirs": "sort_key=name&sort_key=id&sort_dir=asc&sort_dir=desc&limit=8",
    "sort-keys-no-dir": "sort_key=name&sort_key=id&limit=8",
    "sort-keys-too-many-dirs": "sort_key=name&sort_dir=asc&sort_dir=desc",
    "sort-keys-too-few-dirs": "sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=asc",
    "sort-keys-paged": "sort_key=name&sort_key=size&sort_dir=asc&limit=2",
    "sort-keys-next-page": "sort_key=name&sort_dir=asc&limit=2&marker=<two>",
    "next-keeps-filters": "limit=2&status=queued&visibility=all",
    "next-keeps-tags": "limit=2&tag=x&tag=y",
    "next-keeps-escapes": "limit=1&name=in:b,%22a%22&foo=",
    "next-in-filter": "limit=1&status=active&marker=<six>",
    "first-drops-marker": "limit=3&marker=<four>&sort=created_at",
}


def scenes() -> Iterator[Scene]:
    cases = {f"paging/{name}": listing(f"owner=<owner>&{query}") for name, query in QUERIES.items()}
    for key in KEYS:
        for direction in ("asc", "desc"):
            query = f"owner=<owner>&limit=8&sort_key={key}&sort_dir={direction}"
            cases[f"paging/by-{key}-{direction}"] = listing(query)
    for key in REFUSED_KEYS:
        cases[f"paging/by-{key or 'nothing'}-refused"] = listing(f"sort_key={key}")
    cases["paging/by-updated_at"] = listing("owner=<owner>&limit=0&sort_key=updated_at")
    cases["paging/as-admin"] = listing("owner=<owner>&limit=2", "admin")
    yield scene(GROUND, cases)
