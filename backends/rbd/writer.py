"""One image on its way into a pool."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar

from imagestore.backends.parts import Part
from imagestore.backends.rbd.calls import ClusterCalls
from imagestore.backends.rbd.connection import Connection
from imagestore.backends.rbd.image import OpenImage
from imagestore.backends.rbd.location import SNAPSHOT, Location
from imagestore.backends.rbd.removal import Removal

T = TypeVar("T")

UNIT = 4 << 20
"""Bytes of one write. Several at a time of this size were fastest, and 8 MiB no faster."""
_FIRST = 16 * UNIT
_STEP = 1 << 30
"""Bytes by which an image grows whose size is not known: doubling up to this step."""


@dataclass(eq=False)
class Writer:
    """Writes an image that is whole once it has its protected snapshot, or is not there at all.

    ``create``, any number of ``write`` that may overlap, then ``commit``; or ``abort`` at any
    point. Whoever creates the image owns its name: of two writers the second is ``Exists``
    and touches nothing. RBD does not remove an image that another has open, so from then
    on until the snapshot nobody takes it from under us either.
    """

    connection: Connection
    calls: ClusterCalls
    location: Location
    size: int | None
    _: KW_ONLY
    order: int
    features: int
    thin: bool

    def __post_init__(self) -> None:
        self._pool = self.location.pool
        self._size = _FIRST if self.size is None else self.size
        self._growing = asyncio.Lock()
        self._image: OpenImage | None = None
        self._identity: str | None = None
        self._last: Future[Any] = Future()
        self._last.set_result(None)
        self.connection.hold()

    async def create(self) -> None:
        """Take the name. ``Exists`` if there is an image of that name, whole or not."""
        await self._call(self._create)

    def _create(self) -> None:
        connection, name = self.connection, self.location.image
        with connection.errors(self.location.url):
            connection.make_removable(self._pool)
            pool, rbd = connection.pool(self._pool), connection.rbd.RBD()
            rbd.create(pool, name, self._size, self.order, False, self.features)
            try:
                self._image = OpenImage(
                    connection, self.calls, self._pool, self.location.url, name=name
                )
                self._identity = self._image.image.id()
            except BaseException:
                # Made a moment ago, so it can only be ours.
                with contextlib.suppress(Exception):
                    rbd.remove(pool, name)
                raise

    async def write(self, number: int, part: Part) -> None:
        """Write part ``number``, counted from 1; all but the last have ``UNIT`` bytes."""
        assert self._image is not None
        start = (number - 1) * UNIT
        end = start + sum(len(block) for block in part)
        async with self._growing:
            if end > self._size:
                size = max(end, self._size + min(self._size, _STEP))
                await self._call(self._resize, size)
        await self._image.write(part, start, thin=self.thin)

    def _resize(self, size: int) -> None:
        assert self._image is not None
        with self.connection.errors(self.location.url):
            self._image.image.resize(size)
        self._size = size

    async def commit(self, size: int) -> None:
        """Make ``size`` bytes durable, and the image one that can be read and cloned."""
        await self._call(self._commit, size)
        assert self._image is not None
        await self.calls.answered(asyncio.wrap_future(self._image.close()))
        self.connection.release()

    def _commit(self, size: int) -> None:
        assert self._image is not None
        image = self._image.image
        with self.connection.errors(self.location.url):
            image.flush()
            if size != self._size:
                image.resize(size)
            image.create_snap(SNAPSHOT)
            image.protect_snap(SNAPSHOT)

    async def abort(self) -> None:
        """Remove what was made, if anything was, after what is under way on it has ended.

        Never raises: what cannot be removed now is left for ``discard``.
        """
        try:
            await self.calls.ended(self._last)
            if self._image is not None:
                await self.calls.ended(self._image.close())
            if self._identity is not None:
                removal = Removal(self.connection, self.location)
                removed = self.calls.threads.submit(removal.remove, only=self._identity)
                await self.calls.ended(removed)
        finally:
            self.connection.release()

    async def _call(self, function: Callable[..., T], *args: Any) -> T:
        """One blocking call; there is only one at a time."""
        self._last = self.calls.threads.submit(function, *args)
        return await self.calls.answered(asyncio.wrap_future(self._last))
