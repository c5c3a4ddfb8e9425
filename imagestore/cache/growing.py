"""A file that grows, and those who follow it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

_GATHER = 0.03
"""Seconds for which what comes in is gathered before the followers are woken: 64 of them that
wake for each block would take more CPU than sending it."""


STILL = 20.0
"""Seconds without growth after which a follower turns to the stores by itself."""


class Growing:
    """Data of ``size`` bytes, of which the first ``have`` are in the open file ``fd``."""

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.size = size
        self.have = os.fstat(fd).st_size
        self.failed = False
        """No more will come."""
        self.users = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._calls: list[Callable[[], None]] = []
        self._waker: asyncio.TimerHandle | None = None

    def grown(self, have: int) -> None:
        """So many bytes are there now."""
        self.have = have
        if have >= self.size:
            self._wake()
        elif (self._waiting or self._calls) and self._waker is None:
            self._waker = asyncio.get_running_loop().call_later(_GATHER, self._wake)

    def fail(self) -> None:
        self.failed = True
        self._wake()

    async def ready(self, position: int, patience: float | None = None) -> int:
        """How many bytes are there, once they are more than ``position``; 0 if that will not be.

        ``patience``: seconds without any growth after which nothing more is hoped for.
        """
        while self.have <= position:
            if self.failed:
                return 0
            before = self.have
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                async with asyncio.timeout(patience):
                    await waiter
            except TimeoutError:
                if self.have == before:
                    return 0
            finally:
                self._waiting.discard(waiter)
        return self.have

    def on_growth(self, call: Callable[[], None]) -> None:
        """``call`` once, when more is there, or no more will come."""
        self._calls.append(call)

    def use(self) -> None:
        self.users += 1

    def leave(self) -> None:
        """The last one closes the file."""
        self.users -= 1
        if not self.users:
            os.close(self.fd)
            self.fd = -1

    def _wake(self) -> None:
        if self._waker is not None:
            self._waker.cancel()
            self._waker = None
        calls, self._calls = self._calls, []
        for call in calls:
            call()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
