"""Calls that block, on threads, of which an event loop waits for none for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TypeVar

from imagestore.backends.errors import Unavailable

T = TypeVar("T")


class Calls:
    """Of one store to ``whom``, which has ``timeout`` seconds for an answer; None: any number.

    ``grace``: seconds that are waited beyond that, for an error of its own that says more.
    """

    def __init__(
        self, store: str, threads: Executor, whom: str, timeout: float | None, grace: float = 0.0
    ) -> None:
        self.threads = threads
        self._store = store
        self._whom = whom
        self._timeout = timeout
        self._patience = None if timeout is None else timeout + grace

    async def call(
        self, function: Callable[..., T], *args: object, undo: Callable[[T], object] | None = None
    ) -> T:
        """``function`` on a thread; ``undo`` its result if nobody waits for it any more."""
        future = self.threads.submit(function, *args)
        try:
            return await self.answered(asyncio.wrap_future(future))
        except BaseException:
            if undo is not None:
                future.add_done_callback(
                    lambda done: (
                        None if done.cancelled() or done.exception() else undo(done.result())
                    )
                )
            raise

    async def answered(self, call: Awaitable[T]) -> T:
        """The result of a call, or ``Unavailable`` when it takes too long."""
        try:
            async with asyncio.timeout(self._patience):
                return await call
        except TimeoutError as error:
            raise self._late() from error

    def _late(self) -> Unavailable:
        message = f"{self._whom} did not answer within {self._timeout:g} s"
        return Unavailable(message, store=self._store)
