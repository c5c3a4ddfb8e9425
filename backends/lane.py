"""Work on blocks in order, on threads that are shared and only held while there is work."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from imagestore.backends.base import Buffer
from imagestore.backends.in_flight import BLOCKS

T = TypeVar("T")

_TURN = 4
"""Batches after which a lane that still has work goes to the back of the executor's queue."""


class Lane:
    """Calls ``work`` with the blocks that were put, in order, never twice at a time.

    Blocks are handed over in batches of at most ``backlog``: whatever has gathered
    while the batch before was in work. The first error of ``work`` ends the lane:
    what waits is dropped, and each later ``put`` and ``finish`` raises it. A block
    is referred to until its batch is done, no longer. One task at a time may use a
    lane, on the event loop in which it was made.

    Handing over costs no trip through the event loop as long as there is room, and
    a thread belongs to a lane only while blocks are waiting: many slow streams
    share few threads.
    """

    def __init__(
        self,
        executor: Executor,
        work: Callable[[list[Buffer]], object],
        *,
        backlog: int = BLOCKS,
    ) -> None:
        self._executor = executor
        self._work = work
        self._backlog = backlog
        self._loop = asyncio.get_running_loop()
        # What follows is shared between the loop and a thread, and guarded by the lock.
        self._lock = threading.Lock()
        self._waiting: deque[Buffer] = deque()
        self._last: Callable[[], object] | None = None
        self._error: BaseException | None = None
        self._abandoned = False
        self._running = False
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, block: Buffer) -> bool:
        """Take the block if there is room for it; never waits. Raises what ``work`` raised."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if len(self._waiting) >= self._backlog:
                return False
            self._waiting.append(block)
            self._start()
        return True

    async def put(self, block: Buffer) -> None:
        """Take the block as soon as there is room. Raises what ``work`` raised."""
        while not self.offer(block):
            await self._until(lambda: len(self._waiting) < self._backlog)

    async def finish(self, last: Callable[[], T]) -> T:
        """Wait for all blocks, call ``last`` on the same thread, and return its result.

        Raises what ``work`` or ``last`` raised; after an error of ``work``, ``last``
        is not called.
        """
        result: list[T] = []
        with self._lock:
            if self._error is not None:
                raise self._error
            self._last = lambda: result.append(last())
            self._start()
        await self._until(lambda: not self._running)
        if self._error is not None:
            raise self._error
        return result[0]

    async def abandon(self, last: Callable[[], object]) -> None:
        """Drop what waits, let the call in work end, then call ``last``, whatever happened.

        ``last`` is called even if waiting for it is cancelled. What it raises is dropped.
        """
        with self._lock:
            self._abandoned = True
            self._waiting.clear()
            self._last = last
            try:
                self._start()
            except Exception:  # the executor takes no more
                last()
                return
        await self._until(lambda: not self._running)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while True:
            with self._lock:
                if condition():
                    return
                waiter = self._waiter = self._loop.create_future()
            await waiter

    def _start(self) -> None:
        """Have the waiting blocks worked on. The lock is held."""
        if not self._running:
            self._executor.submit(self._drain)
            self._running = True

    def _drain(self) -> None:
        """Work until nothing waits. Runs on a thread, one at a time."""
        turns = _TURN
        while True:
            with self._lock:
                batch = list(self._waiting)
                self._waiting.clear()
                last = None
                if not batch:
                    last, self._last = self._last, None
                    self._running = last is not None
                self._wake()
                if not self._running:
                    return
            try:
                if last is None:
                    self._work(batch)
                else:
                    last()
            except BaseException as error:
                self._fail(error)
            del batch
            turns -= 1
            if not turns:
                # Others may be waiting for a thread. If the executor takes no more, go on here.
                with contextlib.suppress(Exception):
                    self._executor.submit(self._drain)
                    return
                turns = _TURN

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._abandoned:
                return
            self._error = error
            self._waiting.clear()
            self._last = None

    def _wake(self) -> None:
        """Tell the task that waits. The lock is held."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(_settle, waiter)


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
