"""From the answers of Swift to the errors of a store."""

from __future__ import annotations

from enum import Enum

from imagestore.backends.errors import Exists, Full, NotFound, ReadOnly, StoreError, Unavailable


class Purpose(Enum):
    """What a request is for: an answer means another thing to a reader than to a writer."""

    READ = "read"
    WRITE = "write"
    REMOVE = "remove"


class Forbidden(Unavailable):
    """The account does not let us do that now."""


_MEANING: dict[int, type[StoreError]] = {403: Forbidden, 404: NotFound, 507: Full}
# 413 is the largest object and the quota of an account alike. Every server out of room is 503
# from the proxy, and so are a device that hangs and a limit of requests (429, 498).
_MEANING_WHEN_WRITING: dict[int, type[StoreError]] = {
    403: ReadOnly,
    409: Exists,
    412: Exists,
    413: Full,
    507: Full,
    404: NotFound,  # the container
}
_MEANING_WHEN_REMOVING: dict[int, type[StoreError]] = {**_MEANING, 403: ReadOnly}


def meaning(status: int, purpose: Purpose, detail: str, *, store: str, url: str = "") -> StoreError:
    """The error for an answer of that HTTP status; :class:`Unavailable` if it has no better one."""
    table = {
        Purpose.READ: _MEANING,
        Purpose.WRITE: _MEANING_WHEN_WRITING,
        Purpose.REMOVE: _MEANING_WHEN_REMOVING,
    }[purpose]
    return table.get(status, Unavailable)(f"Swift answers {status} {detail}", store=store, url=url)
