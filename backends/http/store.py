"""The store: whatever other people's servers hold, read by its URL and never written to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from imagestore.backends.base import Blocks, Capability, Capacity, Store
from imagestore.backends.errors import InvalidLocation, NotFound, ReadOnly, Unusable
from imagestore.backends.http.connections import Connections
from imagestore.backends.http.fetch import Fetcher
from imagestore.backends.http.guard import SCHEMES, Guard
from imagestore.backends.http.lookup import Resolve, system_addresses
from imagestore.backends.http.settings import HttpSettings
from imagestore.backends.least_rate import LeastRate


class HttpStore(Store):
    """A read-only :class:`~imagestore.backends.base.Store`; a location is the URL itself.

    The size is checked: an answer that is longer or shorter than its server said is an error.
    A server that cannot send parts of an object is read from the beginning, up to
    :data:`imagestore.backends.http.reading.SKIPPED` bytes for nothing.
    """

    capabilities = Capability.RANGED | Capability.DIRECT_URL | Capability.EXTERNAL

    def __init__(
        self, name: str, settings: HttpSettings, *, resolve: Resolve = system_addresses
    ) -> None:
        self.name = name
        self._guard = Guard(settings.rules(), store=name, resolve=resolve)
        self._connections = Connections(self._guard, settings.transport(), store=name)
        self._fetcher = Fetcher(
            self._guard,
            self._connections,
            store=name,
            answer_timeout=settings.http_store_connect_timeout
            + settings.http_store_progress_timeout,
            progress_timeout=settings.http_store_progress_timeout,
            least=LeastRate(settings.http_store_min_rate, settings.http_store_grace),
        )

    async def start(self) -> None:
        await self._connections.start()

    async def stop(self) -> None:
        await self._connections.stop()

    async def _refuse(self, *_: Any, **__: Any) -> Any:
        raise ReadOnly("stores of type http cannot be written to", store=self.name)

    add = delete = discard = _refuse

    @contextlib.asynccontextmanager
    async def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[Blocks]:
        async with self._fetcher.open(url, offset, length) as fetched:
            yield fetched.blocks

    async def size(self, url: str) -> int:
        head = await self._fetcher.head(url)
        if head.size is None:
            raise Unusable("the server does not say how large it is", store=self.name)
        return head.size

    async def exists(self, url: str) -> bool:
        try:
            await self._fetcher.head(url)
        except NotFound:
            return False
        return True

    async def capacity(self) -> Capacity:
        return Capacity(total=None, free=None)

    def owns(self, url: str) -> bool:
        return url.partition("://")[0].lower() in SCHEMES

    def admits(self, url: str) -> bool:
        try:
            self._guard.check(url.partition("#")[0])
        except InvalidLocation:
            return False
        return True
