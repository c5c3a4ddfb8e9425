"""The store: images in a pool of a Ceph cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from imagestore.backends import errors
from imagestore.backends.base import Blocks, Capability, Capacity, Held, Pages, Store, Stored
from imagestore.backends.daemon_threads import DaemonThreads
from imagestore.backends.in_flight import RBD_WRITES
from imagestore.backends.parts import Counted, in_parts, send_parts
from imagestore.backends.rbd import features, listing
from imagestore.backends.rbd.calls import ClusterCalls
from imagestore.backends.rbd.connection import Connection
from imagestore.backends.rbd.location import SNAPSHOT, Location
from imagestore.backends.rbd.reader import Reader
from imagestore.backends.rbd.removal import Removal
from imagestore.backends.rbd.settings import RBDSettings
from imagestore.backends.rbd.writer import UNIT, Writer

_THREADS = 16
"""Calls that may block at a time; reads and writes of data do not."""
_CLEANUP = 1.0
"""Seconds that a cleanup is waited for when the cluster has just failed to answer."""


class RBDStore(Store):
    """A :class:`~imagestore.backends.base.Store` in a pool of RBD images."""

    capabilities = (
        Capability.WRITABLE | Capability.RANGED | Capability.DIRECT_URL | Capability.LISTED
    )

    def __init__(self, name: str, settings: RBDSettings) -> None:
        self.name = name
        self._settings = settings
        self._pool = settings.rbd_store_pool
        self._calls: ClusterCalls | None = None
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._cleanups: set[asyncio.Task[None]] = set()
        self._fsid: str | None = None

    async def start(self) -> None:
        if self._connection is not None:
            return
        threads = DaemonThreads(_THREADS, f"store-{self.name}")
        calls = ClusterCalls(self.name, threads, self._settings.timeout)
        try:
            connection = await self._connect(calls)
        except BaseException:
            threads.shutdown()
            raise
        self._calls, self._connection = calls, connection
        self._fsid = connection.fsid

    async def _connect(self, calls: ClusterCalls) -> Connection:
        connection = await calls.call(
            Connection, self.name, self._settings, calls.threads, undo=Connection.close
        )
        try:
            await calls.call(self._look, connection)
        except BaseException:
            calls.threads.submit(connection.close)
            raise
        return connection

    def _look(self, connection: Connection) -> None:
        """See that the pool is there, and that we may look into it."""
        self._features(connection)
        try:
            pool = connection.pool(self._pool)
        except errors.NotFound as error:
            raise errors.Misconfigured(
                f"rbd_store_pool: the cluster has no pool {self._pool}", store=self.name
            ) from error
        try:
            with connection.errors():
                pool.stat("rbd_directory")
        except errors.NotFound:
            pass  # no image was ever there
        except errors.ReadOnly as error:
            raise errors.Misconfigured(
                f"rbd_store_user: client.{self._settings.rbd_store_user or 'admin'} has no "
                f"rights in the pool {self._pool}",
                store=self.name,
            ) from error

    def _features(self, connection: Connection) -> int:
        names = self._settings.rbd_store_features
        if not names:
            return connection.features()
        return features.bits(connection.rbd, names, store=self.name)

    async def stop(self) -> None:
        calls, self._calls = self._calls, None
        connection, self._connection = self._connection, None
        if calls is None or connection is None:
            return
        if self._cleanups:
            await asyncio.wait(self._cleanups, timeout=_CLEANUP)
        with contextlib.suppress(errors.StoreError):
            await calls.call(connection.close)
        calls.threads.shutdown()

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        calls, connection = await self._connected()
        location = Location(image_id, SNAPSHOT, self._pool, connection.fsid)
        writer = Writer(
            connection,
            calls,
            location,
            size,
            order=self._settings.order,
            features=self._features(connection),
            thin=self._settings.rbd_thin_provisioning,
        )
        source = Counted(blocks, size, store=self.name)
        try:
            await writer.create()
            await send_parts(in_parts(source, UNIT), writer.write, parallel=RBD_WRITES)
            await writer.commit(source.bytes)
        except BaseException as error:
            cleanup = asyncio.create_task(writer.abort())
            self._cleanups.add(cleanup)
            cleanup.add_done_callback(self._cleanups.discard)
            away = isinstance(error, errors.Unavailable)
            await asyncio.wait([cleanup], timeout=_CLEANUP if away else self._settings.timeout)
            raise
        return Stored(location.url, source.bytes)

    @contextlib.asynccontextmanager
    async def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[Blocks]:
        location = self._locate(url)
        calls, connection = await self._connected()
        reader = await calls.call(Reader, connection, calls, location, undo=Reader.close)
        try:
            async with contextlib.aclosing(reader.blocks(offset, length)) as blocks:
                yield blocks
        finally:
            reader.close()

    async def size(self, url: str) -> int:
        location = self._locate(url)
        calls, connection = await self._connected()

        def size() -> int:
            reader = Reader(connection, calls, location)
            reader.close()
            return reader.size

        return await calls.call(size)

    async def delete(self, url: str) -> None:
        await self._remove(Removal.remove, self._locate(url))

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        await self._remove(Removal.discard, Location(image_id, SNAPSHOT, self._pool, self._fsid))

    async def _remove(self, how: Callable[[Removal], None], location: Location) -> None:
        calls, connection = await self._connected()

        def removed(report: Callable[..., int]) -> None:
            with connection.held():
                how(Removal(connection, location, report))

        await calls.progress(removed)

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        for pages in (listing.names, listing.trashed):
            after: str | None = ""
            while after is not None:
                found, after = await self._page(pages, after)
                yield found

    async def _page(
        self, pages: Callable[..., tuple[list[Held], str | None]], after: str
    ) -> tuple[list[Held], str | None]:
        calls, connection = await self._connected()

        def page() -> tuple[list[Held], str | None]:
            with connection.held():
                return pages(connection, self._pool, after)

        return await calls.call(page)

    async def capacity(self) -> Capacity:
        """What the monitors say of the pool. Without a manager they know nothing."""
        calls, connection = await self._connected()
        await calls.call(connection.ask_pool, self._pool)
        try:
            answer = await calls.call(connection.ask, '{"prefix": "df", "format": "json"}')
        except errors.ReadOnly:  # the user may not ask
            return Capacity(None, None)
        for pool in json.loads(answer)["pools"]:
            if pool["name"] == self._pool:
                stored, free = pool["stats"]["stored"], pool["stats"]["max_avail"]
                return Capacity(total=stored + free, free=free)
        return Capacity(None, None)

    def owns(self, url: str) -> bool:
        try:
            location = self._locate(url)
        except errors.InvalidLocation:
            return False
        return location.pool == self._pool

    def places(self) -> frozenset[str]:
        return frozenset({self._settings.place})

    def details(self) -> Mapping[str, Any]:
        return {
            "chunk_size": self._settings.rbd_store_chunk_size << 20,
            "pool": self._pool,
            "thin_provisioning": self._settings.rbd_thin_provisioning,
            "fsid": self._fsid,
        }

    def _locate(self, url: str) -> Location:
        """The location, in our pool where it names none. Another pool is read as Glance does."""
        try:
            location = Location.parse(url)
        except ValueError as error:
            raise errors.InvalidLocation(str(error), store=self.name, url=url) from error
        if location.fsid is not None and self._fsid not in (None, location.fsid):
            raise errors.InvalidLocation("in another cluster", store=self.name, url=url)
        return replace(location, pool=location.pool or self._pool)

    async def _connected(self) -> tuple[ClusterCalls, Connection]:
        """The connection; a new one where the cluster has shut out the former."""
        calls, connection = self._calls, self._connection
        if calls is None or connection is None:
            raise errors.Unavailable("not started", store=self.name)
        if not connection.lost:
            return calls, connection
        async with self._connecting:
            if self._connection is connection:
                fresh = await self._connect(calls)
                stopped = self._connection is None
                calls.threads.submit((fresh if stopped else connection).close)
                self._connection = None if stopped else fresh
            if self._connection is None:
                raise errors.Unavailable("the store was stopped", store=self.name)
            return calls, self._connection
