"""Reading an image, and never taking what was removed for zeros."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from imagestore.backends.base import Buffer
from imagestore.backends.errors import NotFound, Unavailable
from imagestore.backends.in_flight import RBD
from imagestore.backends.rbd.calls import ClusterCalls
from imagestore.backends.rbd.connection import Connection
from imagestore.backends.rbd.image import OpenImage, are_zeros
from imagestore.backends.rbd.location import SNAPSHOT, Location


class Reader:
    """An image that is open for reading. Making one blocks; ``NotFound`` unless it is whole.

    RBD reads a missing object as a hole: an image that has been removed is full of zeros.
    So zeros that fill an object are handed on only when the image was seen to be there
    after they were read. RBD removes no object while there is a snapshot.
    """

    def __init__(self, connection: Connection, calls: ClusterCalls, location: Location) -> None:
        self._connection = connection
        self._calls = calls
        self._url = location.url
        self._pool = location.pool
        self._opened = partial(OpenImage, connection, calls, location.pool, location.url)
        self._snapshot = location.snapshot or SNAPSHOT
        self._open = self._find(location)
        image = self._open.image
        try:
            with connection.errors(self._url):
                self.size: int = image.size()
                self._object_size: int = image.stat()["obj_size"]
                # A head that we have open is not removed, and of a snapshot we do not know.
                self._identity = None if image.old_format() else image.id()
                if self._snapshot == SNAPSHOT and self._identity is not None:
                    self._require(image.is_protected_snap(SNAPSHOT))
        except BaseException:
            self.close()
            raise
        self._checking: asyncio.Task[None] | None = None
        self._next_check: asyncio.Task[None] | None = None

    def _find(self, location: Location) -> OpenImage:
        """The image at its snapshot.

        Where librbd knew no snapshots Glance wrote images of the first format, which have
        none, and locations that name none. Only these are read without.
        """
        try:
            return self._opened(snapshot=self._snapshot, name=location.image)
        except NotFound:
            if location.snapshot is not None:
                raise
        found = self._opened(name=location.image)
        try:
            with self._connection.errors(self._url):
                self._require(found.image.old_format())
        except BaseException:
            found.close()
            raise
        return found

    def _require(self, whole: bool) -> None:
        if not whole:
            raise NotFound(
                "no image that was written to its end", store=self._connection.store, url=self._url
            )

    def blocks(self, offset: int, length: int | None) -> AsyncGenerator[Buffer, None]:
        """The bytes from ``offset``, reading ahead."""
        end = self.size if length is None else min(self.size, offset + length)
        return RBD.read(self._read, offset, end)

    async def _read(self, offset: int, length: int) -> Buffer:
        data = await self._open.read(offset, length)
        if len(data) != length:
            raise Unavailable("ended early", store=self._connection.store, url=self._url)
        if self._identity is not None and self._may_be_missing(data, offset):
            await self._check()
        return data

    def _may_be_missing(self, data: bytes, offset: int) -> bool:
        """Whether all that was read of some object is zeros."""
        start = 0
        while start < len(data):
            stop = min(len(data), start + self._object_size - (offset + start) % self._object_size)
            if are_zeros(data, start, stop):
                return True
            start = stop
        return False

    # One check serves everyone who asks before it begins.

    async def _check(self) -> None:
        """Return if the image is there; ``NotFound`` if it is not any more."""
        if self._next_check is None:
            self._next_check = asyncio.create_task(self._check_after(self._checking))
            # Whoever asked may be gone by then.
            self._next_check.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._next_check)

    async def _check_after(self, former: asyncio.Task[None] | None) -> None:
        if former is not None:
            await asyncio.wait([former])
        self._checking, self._next_check = self._next_check, None
        await self._calls.call(self._see)

    def _see(self) -> None:
        """Ask RADOS, which is one round trip; to open and close an image takes a dozen."""
        rados, header = self._connection.rados, f"rbd_header.{self._identity}"
        with self._connection.held(), self._connection.errors(self._url), rados.ReadOpCtx() as ask:
            pool = self._connection.pool(self._pool)
            found, _ = pool.get_omap_vals(ask, "", "snapshot_", 1)
            pool.operate_read_op(ask, header)
            self._require(any(True for _ in found))

    def close(self) -> None:
        """Close it after the reads that are under way."""
        self._open.close()
