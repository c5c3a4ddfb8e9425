"""Every call answers within a time that is configured, whatever its store does."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from imagestore.backends.base import Blocks, Buffer, Store, Stored
from imagestore.backends.errors import Refused, StoreError, Unavailable
from imagestore.backends.parts import Passing
from imagestore.backends.wrappers.forwarding import Add, Ask, Copy, ForwardingStore, Progress

log = logging.getLogger(__name__)

T = TypeVar("T")

GRACE = 2.0
"""Seconds that a call is given to release what it holds when it is cancelled."""


class DeadlineStore(ForwardingStore):
    """``Unavailable`` when a call takes longer than ``call`` seconds.

    A transfer may take as long as it goes on: it fails when the store takes or gives
    no block, or gets no further with a copy, for ``progress`` seconds. The time in which the
    store waits for its source, or for its reader, does not count. 0 stands for no limit.

    What has failed is cancelled, and given ``GRACE`` seconds to clean up. If it does not end
    even then, it is left behind: it goes on by itself, and is cancelled once more by ``stop``.
    An ``add`` or ``copy`` that was left behind and succeeds after all is deleted again; until it
    has ended, ``discard`` of its image is ``Refused``, as it could put back what was discarded.
    """

    def __init__(self, store: Store, *, call: float, progress: float) -> None:
        super().__init__(store)
        self._call_time = call or math.inf
        self._no_answer = f"did not answer within {call:g} s"
        self._progress = progress or math.inf
        self._left: dict[asyncio.Task[Any], str] = {}
        """What was left behind, and the image it was to add, if any."""

    async def _call(self, operation: str, ask: Ask[T]) -> T:
        end = asyncio.get_running_loop().time() + self._call_time
        return await self._watched(ask(), lambda: end, self._no_answer)

    async def stop(self) -> None:
        left = set(self._left)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=GRACE)
        stop = asyncio.create_task(self.store.stop())
        if not (await asyncio.wait({stop}, timeout=self._bounded(self._call_time)))[0]:
            log.error("store %s does not stop", self.name)
            await self._end(stop)

    async def _add(self, image_id: str, blocks: Blocks, add: Add) -> Stored:
        source = _Source(blocks)
        return await self._watched(
            add(source),
            lambda: source.busy_since + self._progress,
            f"took no data for {self._progress:g} s",
            image_id,
            source.give_up,
        )

    async def _copy(self, image_id: str, copy: Copy, on_progress: Progress) -> Stored:
        loop = asyncio.get_running_loop()
        since = loop.time()

        def told(done: int) -> None:
            nonlocal since
            since = loop.time()
            on_progress(done)

        return await self._watched(
            copy(told),
            lambda: since + self._progress,
            f"did not go on with a copy for {self._progress:g} s",
            image_id,
        )

    @asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        # One task enters, reads and leaves, since a context may depend on that.
        reading = _Reading(self.store.open(url, offset, length))
        task = asyncio.create_task(reading.run())
        try:
            await self._given(reading, self._call_time, self._no_answer)
            yield self._blocks(reading)
        finally:
            reading.give_up()
            await self._end(task)

    async def _blocks(self, reading: _Reading) -> AsyncIterator[Buffer]:
        message = f"gave no data for {self._progress:g} s"
        while (block := await self._given(reading, self._progress, message)) is not None:
            yield block
            del block  # it may be used again from now on

    async def _given(self, reading: _Reading, seconds: float, message: str) -> Buffer | None:
        try:
            async with asyncio.timeout(self._bounded(seconds)):
                return await reading.next()
        except TimeoutError as error:
            raise Unavailable(message, store=self.name) from error

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        if image_id in self._left.values():
            raise Refused("an earlier write of the image has not ended", store=self.name)
        await super().discard(image_id, owner=owner)

    async def _watched(
        self,
        call: Coroutine[Any, Any, T],
        end: Callable[[], float],
        message: str,
        image_id: str = "",
        give_up: Callable[[], object] = lambda: None,
    ) -> T:
        """What ``call`` returns or raises, unless ``end`` comes before."""
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(call)
        try:
            while (left := end() - loop.time()) > 0:
                # A later end cannot be told from here: look again when the longest wait is over.
                wait = min(left, self._progress)
                if (await asyncio.wait({task}, timeout=self._bounded(wait)))[0]:
                    return task.result()
        except asyncio.CancelledError:
            give_up()
            if await self._end(task, image_id) and task.exception() is None:
                return task.result()  # too late to be cancelled
            raise
        give_up()
        if await self._end(task, image_id):
            return task.result()
        raise Unavailable(message, store=self.name)

    async def _end(self, task: asyncio.Task[Any], image_id: str = "") -> bool:
        """Cancel ``task`` and see to its end; whether it came to a result of its own."""
        if not task.done():
            task.cancel()
            try:
                await asyncio.wait({task}, timeout=GRACE)
            finally:
                if not task.done():
                    self._leave(task, image_id)
        return task.done() and not task.cancelled()

    def _leave(self, task: asyncio.Task[Any], image_id: str) -> None:
        log.error("store %s: a call does not end although it was cancelled", self.name)
        self._left[task] = image_id
        task.add_done_callback(self._has_ended)

    def _has_ended(self, task: asyncio.Task[Any]) -> None:
        image_id = self._left.pop(task)
        log.warning("store %s: a call that was left behind has ended", self.name)
        if task.cancelled() or task.exception() is not None:
            return
        if isinstance(stored := task.result(), Stored):
            undo = asyncio.create_task(self._undo(stored))
            self._left[undo] = image_id
            undo.add_done_callback(self._left.pop)

    async def _undo(self, stored: Stored) -> None:
        try:
            await self.store.delete(stored.url)
        except StoreError as error:
            log.error("what was stored too late could not be removed again: %s", error)

    @staticmethod
    def _bounded(seconds: float) -> float | None:
        return None if math.isinf(seconds) else seconds


class _Source(Passing):
    """The blocks for an ``add``, and since when the store has been busy with them."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__(blocks)
        self._loop = asyncio.get_running_loop()
        self._given_up = False
        self.busy_since = self._loop.time()
        """Far in the future while the store waits for the source."""

    def give_up(self) -> None:
        """The source must not end for a store that goes on: it would take that for the whole."""
        self._given_up = True

    async def __anext__(self) -> Buffer:
        if self._given_up:
            raise Unavailable("given up")
        self.busy_since = math.inf
        try:
            return await super().__anext__()
        finally:
            self.busy_since = self._loop.time()


class _Reading:
    """A task that reads, and hands over one block after the other."""

    def __init__(self, opened: AbstractAsyncContextManager[Blocks]) -> None:
        self._opened = opened
        self._ready: asyncio.Queue[Buffer | BaseException | None] = asyncio.Queue(1)
        self._given_up = False

    def give_up(self) -> None:
        """Nobody reads any more: what opens too late is closed again, instead of waiting."""
        self._given_up = True

    async def run(self) -> None:
        """Give None when it is open, then the blocks, then None or what went wrong."""
        ending: BaseException | None = None
        try:
            async with self._opened as blocks:
                await self._hand_over(None)
                async for block in blocks:
                    await self._hand_over(block)
                    del block
        except Exception as error:
            ending = error
        await self._hand_over(ending)

    async def _hand_over(self, item: Buffer | BaseException | None) -> None:
        if self._given_up:
            raise asyncio.CancelledError
        await self._ready.put(item)

    async def next(self) -> Buffer | None:
        """What comes next; raises what the store has raised."""
        item = await self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item
