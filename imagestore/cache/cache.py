"""The cache as downloads use it: an open file, whole or growing, or nothing.

Whatever is wrong with its disk, the answer is nothing, soon, and the download goes on from the
stores.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from imagestore.backends.base import Buffer
from imagestore.cache import growing as growth
from imagestore.cache import locks, room
from imagestore.cache.directory import Directory, Entry, Wanted, is_id
from imagestore.cache.filling import Filling, Source, Verify
from imagestore.cache.growing import Growing
from imagestore.config import settings
from imagestore.model.errors import Unavailable
from imagestore.observing import metrics

log = logging.getLogger(__name__)

T = TypeVar("T")

_THREADS = 8
_PATIENCE = 5.0
"""Seconds in which the disk has to answer before a download."""
_PAUSE = 30.0
"""Seconds for which a disk that failed is left alone."""
_AHEAD = 64 << 20
"""Bytes that a range may lie ahead of what is there and still wait for it."""
_TRIES, _BETWEEN = 200, 0.01
"""How often, and every how many seconds, it is looked for a file that another process makes."""


class CachedFile:
    """An open file of the cache; ``fd`` is its descriptor until ``close``."""

    def __init__(self, fd: int, size: int, growing: Growing | None, on_close: Callable[[], None]):
        self.fd = fd
        self.size = size
        self.growing = growing
        """None: the file is whole."""
        self._on_close = on_close

    async def ready(self, position: int) -> int:
        """How many bytes are there, once they are more than ``position``; 0: never."""
        if self.growing is None:
            return self.size
        return await self.growing.ready(position, growth.STILL)

    def close(self) -> None:
        if self.fd >= 0:
            self.fd = -1
            self._on_close()


@dataclass(slots=True)
class _Fill:
    growing: Growing
    task: asyncio.Task[None]
    keep: bool
    """Whether it goes on when nobody follows it any more."""
    followers: int = 0


class Cache:
    """The cache of this node, as one of its processes uses it; ``verify``: what it relies on to
    know that data is an image's."""

    def __init__(self, config: settings.Cache, verify: Verify) -> None:
        assert config.directory is not None
        self.config = config
        self.directory = Directory(config.directory)
        self.hits: Counter[str] = Counter()
        """Hits of this process by image that are in no database yet."""
        self._disk = ThreadPoolExecutor(_THREADS, "cache")
        self._verify = verify
        self._fills: dict[str, _Fill] = {}
        self._beginning = WeakValueDictionary[str, asyncio.Lock]()
        """Each lives as long as somebody has it or waits for it."""
        self._rest_until = 0.0
        self._failed = False

    async def start(self) -> None:
        """Make the directory. A disk that fails is no reason not to start."""
        await self._attempt(self.directory.make)

    async def stop(self) -> None:
        """End the fills of this process; what is there stays for the next one to go on with."""
        for fill in list(self._fills.values()):
            fill.task.cancel()
        tasks = [fill.task for fill in self._fills.values()]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._disk.shutdown(wait=False)

    def __contains__(self, image_id: object) -> bool:
        """Whether this process has the image on its way into the cache."""
        return image_id in self._fills

    async def open(
        self, wanted: Wanted, source: Source | None, position: int = 0, *, keep: bool | None = None
    ) -> CachedFile | None:
        """The data from ``position`` on, whole or growing.

        Without ``source`` only what is there or on its way. ``keep``: whether a fill that this
        begins goes on without a reader; None: as configured.
        """
        if not is_id(wanted.image_id) or self._rests():
            return None
        if self._failed:
            # Somebody may have emptied it.
            self._failed = False
            await self._attempt(self.directory.make)
            if self._failed:
                return None
        fill = self._fills.get(wanted.image_id)
        if fill is None:
            fd = await self._attempt(self.directory.open_whole, wanted, undo=_close)
            if fd is not None:
                self.hits[wanted.image_id] += 1
                metrics.CACHE_REQUESTS.labels("hit").inc()
                return CachedFile(fd, wanted.size, None, lambda: os.close(fd))
            fill = await self._join(wanted, source, keep)
        if fill is None or fill.growing.failed or fill.growing.have + _AHEAD < position:
            metrics.CACHE_REQUESTS.labels("miss").inc()
            return None
        metrics.CACHE_REQUESTS.labels("follow").inc()
        return self._follow(wanted.image_id, fill)

    async def fill(self, wanted: Wanted, source: Source, progress: Callable[[int], object]) -> bool:
        """Have the image in the cache; whether it is. ``progress`` is told how many bytes are."""
        file = await self.open(wanted, source, keep=False)
        if file is None:
            return False
        fill = self._fills.get(wanted.image_id)
        try:
            have = 0
            while have < wanted.size:
                have = await file.ready(have)
                if not have:
                    return False
                progress(have)
            if fill is not None:
                await asyncio.wait((fill.task,))
        finally:
            file.close()
        return await self.has(wanted)

    async def has(self, wanted: Wanted) -> bool:
        fd = await self._attempt(self.directory.open_whole, wanted, undo=_close)
        if fd is not None:
            os.close(fd)
        return fd is not None

    async def entries(self) -> list[Entry] | None:
        """All entries; None if the disk does not tell."""
        return await self._attempt(self.directory.entries)

    async def pin(self, image_id: str, *, pinned: bool) -> None:
        """Have the entry of the image, when there is one, stay or not."""
        if is_id(image_id):
            await self._attempt(self.directory.pin if pinned else self.directory.unpin, image_id)

    async def drop(self, image_id: str) -> bool:
        """Remove what there is of the image; whether there was an entry."""
        if not is_id(image_id):
            return False
        fill = self._fills.get(image_id)
        if fill is not None:
            fill.task.cancel()
            await asyncio.wait((fill.task,))
        return await self._attempt(self.directory.drop, image_id) is not None

    async def left_queued(self) -> list[str]:
        """What Glance has left to be fetched, in its order."""
        return await self._attempt(self.directory.left_queued) or []

    async def take_over(self, image_id: str) -> None:
        """Take an image off the queue that Glance has left."""
        await self._attempt(self.directory.take_over, image_id)

    async def prune(self) -> room.Pruned:
        pruned = await self._attempt(room.prune, self.directory, self.config.max_size, patient=True)
        return pruned or room.Pruned()

    async def clean(self, stalled_before: float, invalid_before: float) -> int:
        times = stalled_before, invalid_before
        return await self._attempt(self.directory.clean, *times, patient=True) or 0

    async def keeper(self) -> locks.Held | None:
        """The right to look after the directory, if no other process of the node has it."""
        return await self._attempt(
            locks.acquire, self.directory.lock_file, locks.KEEPER, undo=locks.Held.release
        )

    def _follow(self, image_id: str, fill: _Fill) -> CachedFile:
        growing = fill.growing
        growing.use()
        fill.followers += 1

        def leave() -> None:
            growing.leave()
            fill.followers -= 1
            # What is there to the last byte only has to be verified.
            if not fill.followers and not fill.keep and growing.have < growing.size:
                fill.task.cancel()

        return CachedFile(growing.fd, growing.size, growing, leave)

    async def _join(self, wanted: Wanted, source: Source | None, keep: bool | None) -> _Fill | None:
        """The fill of the image, begun here if it must be; of many who ask, one begins it."""
        async with self._beginning.setdefault(wanted.image_id, asyncio.Lock()):
            if (fill := self._fills.get(wanted.image_id)) is not None:
                return fill
            return await self._begin(wanted, source, keep)

    async def _begin(
        self, wanted: Wanted, source: Source | None, keep: bool | None
    ) -> _Fill | None:
        for _ in range(_TRIES):
            found = await self._attempt(
                self._look, wanted, source is not None, undo=_undo_look, patient=True
            )
            if found is None:
                return None
            if isinstance(found, tuple):
                break
            if source is None:
                return None
            await asyncio.sleep(_BETWEEN)
        else:
            return None
        fd, lock = found
        growing = Growing(fd, wanted.size)
        growing.use()
        filling = Filling(
            *(self.directory, wanted, growing, lock, source or _nothing), self._disk, self._verify
        )
        task = asyncio.create_task(self._run(filling))
        # A task that is cancelled before its first step runs nothing of its own.
        task.add_done_callback(lambda _: self._end(wanted, filling, growing))
        fill = _Fill(growing, task, self.config.keep_filling if keep is None else keep)
        self._fills[wanted.image_id] = fill
        return fill

    def _look(self, wanted: Wanted, admit: bool) -> tuple[int, locks.Held | None] | bool | None:
        """On a thread: the file to fill, with its lock, or to follow, without.

        True: another process has the lock but no file yet. None: there is nothing, and nothing
        is to be.
        """
        lock = locks.acquire(self.directory.lock_file, locks.fill_of(wanted.image_id))
        if lock is None:
            fd = self.directory.open_partial(wanted)
            return True if fd is None else (fd, None)
        try:
            fd = self.directory.open_unverified(wanted)
            if admit and fd is None:
                whole = self.directory.open_whole(wanted)
                if whole is not None:
                    # Just finished by another process: followed to its end like one that grows.
                    return whole, None
                fd = room.reserve(self.directory, wanted, self.config.max_size)
        except BaseException:
            lock.release()
            raise
        if fd is None:
            lock.release()
            return None
        return fd, lock

    async def _run(self, filling: Filling) -> None:
        try:
            await filling.run()
        except OSError as error:
            self._fault(error)

    def _end(self, wanted: Wanted, filling: Filling, growing: Growing) -> None:
        del self._fills[wanted.image_id]
        filling.end()
        growing.leave()

    async def _attempt(
        self,
        function: Callable[..., T],
        *args: Any,
        undo: Callable[[Any], object] | None = None,
        patient: bool = False,
    ) -> T | None:
        """What ``function`` gives on a thread; None where the disk fails, or does not answer.

        ``undo`` what comes too late. ``patient``: where others may rightly be waited for.
        """
        try:
            running = self._disk.submit(function, *args)
        except RuntimeError:
            return None  # stopped
        try:
            async with asyncio.timeout(_PATIENCE * (6 if patient else 1)):
                return await asyncio.shield(asyncio.wrap_future(running))
        except (OSError, asyncio.CancelledError) as error:
            if undo is not None:
                running.add_done_callback(lambda done: _undo(done, undo))
            if isinstance(error, asyncio.CancelledError):
                raise
            self._fault(error)
            return None

    def _fault(self, error: OSError) -> None:
        log.error("the cache is not used for %d s: %s", _PAUSE, error or "its disk does not answer")
        self._rest_until = asyncio.get_running_loop().time() + _PAUSE
        self._failed = True

    def _rests(self) -> bool:
        return asyncio.get_running_loop().time() < self._rest_until


async def _nothing(_: int) -> AsyncGenerator[Buffer, None]:
    """The source of who only watches: another process has to go on, or nobody."""
    raise Unavailable("Nothing is fetched for this reader.")
    yield b""


def _close(fd: int | None) -> None:
    if fd is not None:
        os.close(fd)


def _undo_look(found: tuple[int, locks.Held | None] | bool | None) -> None:
    if isinstance(found, tuple):
        os.close(found[0])
        if found[1] is not None:
            found[1].release()


def _undo(done: Any, undo: Callable[[Any], object]) -> None:
    with contextlib.suppress(BaseException):
        if (result := done.result()) is not None:
            undo(result)
