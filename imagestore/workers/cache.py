"""The worker that keeps the node's cache and what the database tells of it together."""

from __future__ import annotations

import asyncio
import contextlib

from imagestore.catalog.cache import CacheEntries
from imagestore.model.errors import Unavailable
from imagestore.workers.forever import forever


async def watch(cache: CacheEntries) -> None:
    """Compare them every now and then, until cancelled."""

    async def work() -> None:
        while True:
            # A database that is away comes back.
            with contextlib.suppress(Unavailable):
                await cache.sync()
            await asyncio.sleep(cache.sync_interval or 0)

    await forever("cache", work)
