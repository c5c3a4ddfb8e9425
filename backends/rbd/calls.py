"""Calls into librados and librbd from an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from imagestore.backends.calls import Calls
from imagestore.backends.daemon_threads import DaemonThreads

T = TypeVar("T")

_GRACE = 1.0
"""Seconds that librados has to report a time-out of its own, which says more than ours."""


class ClusterCalls(Calls):
    """Calls to a cluster: also those that take long, or complete on a thread of librbd's own."""

    def __init__(self, store: str, threads: DaemonThreads, timeout: float) -> None:
        super().__init__(store, threads, "the cluster", timeout, _GRACE)
        self._longest = timeout + _GRACE

    async def ended(self, future: Future[Any]) -> None:
        """Wait for the end of a call, however it ends and however long it takes."""
        waiting = asyncio.wrap_future(future)
        await asyncio.wait([waiting])
        if not waiting.cancelled():
            waiting.exception()  # nobody is told

    async def progress(self, function: Callable[[Callable[..., int]], T]) -> T:
        """``function(report)`` on a thread, which may take long as long as it reports progress."""
        loop = asyncio.get_running_loop()

        def extend() -> None:
            with contextlib.suppress(RuntimeError):  # it is over
                deadline.reschedule(loop.time() + self._longest)

        def report(*_: object) -> int:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(extend)
            return 0

        try:
            async with asyncio.timeout(self._longest) as deadline:
                return await asyncio.wrap_future(self.threads.submit(function, report))
        except TimeoutError as error:
            raise self._late() from error

    async def complete(self, begin: Callable[[Callable[..., None]], object]) -> Any:
        """What an asynchronous operation of librbd hands over when it completes.

        ``begin(completed)`` starts it, on a thread, since it copies and may wait; librbd
        calls ``completed`` on a thread of its own. OSError if it fails.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(error: BaseException | None, result: Any) -> None:
            if future.done():  # nobody waits any more
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def tell(error: BaseException | None, result: Any = None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, error, result)

        def completed(completion: Any, result: Any = None) -> None:
            status = completion.get_return_value()
            tell(OSError(-status, os.strerror(-status)) if status < 0 else None, result)

        def start() -> None:
            try:
                begin(completed)
            except BaseException as error:
                tell(error)

        self.threads.submit(start)
        return await self.answered(future)
