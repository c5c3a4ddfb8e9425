"""The matrix of routes and callers: what a server with a cache and a store for http has.

All scenes share the cache, so nothing is put into it beforehand, and of lists only the
status is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tests.conformance.entry import Request, Scene
from tests.conformance.requests import IMAGES, answer, get, raw_image, share, upload
from tests.conformance.table.matrix import Row, matrix, outcome

CACHE = "/v2/cache"
CACHED = "/v2/cached_images"
QUEUED = "/v2/queued_images"
DRAFT = "draft"

ROWS: Final[Mapping[str, Row]] = {
    # The port is not among those that may be fetched from: nothing goes on behind the answer.
    "add-location": (
        (raw_image(DRAFT), share("invited", DRAFT)),
        Request("POST", f"{IMAGES}/<{DRAFT}>/locations", json={"url": "http://127.0.0.1:1/image"}),
    ),
    "show": ((), outcome(get(CACHE))),
    "clear": ((), outcome(Request("DELETE", CACHE))),
    "clean": ((), Request("POST", f"{CACHE}/clean")),
    "prune": ((), Request("POST", f"{CACHE}/prune")),
    "nodes": ((), get(f"{CACHE}/nodes/<a>")),
    "queue": ((), Request("PUT", f"{CACHE}/<a>")),
    "delete": ((), Request("DELETE", f"{CACHE}/<a>")),
    "older-list": ((), outcome(get(CACHED))),
    "older-clear": ((), outcome(Request("DELETE", CACHED))),
    "older-delete": ((), Request("DELETE", f"{CACHED}/<a>")),
    "older-list-queued": ((), outcome(get(QUEUED))),
    "older-clear-queued": ((), outcome(Request("DELETE", QUEUED))),
    "older-queue": ((), Request("PUT", f"{QUEUED}/<a>")),
    "older-dequeue": ((), Request("DELETE", f"{QUEUED}/<a>")),
}  # fmt: skip


HARMLESS: Final = frozenset({"clear", "clean", "prune", "older-clear", "older-clear-queued"})


def scenes() -> Iterator[Scene]:
    ground = (raw_image(), upload(), share("invited"), answer("accepted"))
    yield from matrix("rbac-equipped", ground, ROWS, HARMLESS)
