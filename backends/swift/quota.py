"""How much a quota leaves: Swift tells of no other limit."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from imagestore.backends.base import Capacity
from imagestore.backends.errors import NotFound
from imagestore.backends.swift.container import Container


async def capacity(container: Container) -> Capacity:
    """The narrower of the quotas of the container and its account, in bytes."""
    limits = [_limit(await container.head_account(), "Account")]
    with contextlib.suppress(NotFound):
        limits.append(_limit(await container.head(), "Container"))
    given = [limit for limit in limits if limit is not None]
    if not given:
        return Capacity(None, None)
    total, free = min(given, key=lambda limit: limit[1])
    return Capacity(total, free)


def _limit(headers: Mapping[str, str], kind: str) -> tuple[int, int] | None:
    """The quota and what is left of it."""
    quota = headers.get(f"X-{kind}-Meta-Quota-Bytes", "")
    if not quota.isdecimal():
        return None
    return int(quota), max(0, int(quota) - int(headers.get(f"X-{kind}-Bytes-Used", 0)))
