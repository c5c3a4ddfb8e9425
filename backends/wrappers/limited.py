"""So much at a time and no more, first come first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from imagestore.backends.base import Store
from imagestore.backends.errors import Refused
from imagestore.backends.wrappers.forwarding import ForwardingStore


class LimitedStore(ForwardingStore):
    """At most ``transfers`` of ``add``, ``copy`` and ``open``, ``calls`` of the others, at a time.

    0 is no limit. Whoever comes later waits in line; after ``patience`` seconds (0: for
    ever) in it, the call is ``Refused``. Leaving the line costs the others nothing. ``start``
    waits for nobody.
    """

    def __init__(self, store: Store, *, transfers: int, calls: int, patience: float) -> None:
        super().__init__(store)
        self._transfers = asyncio.Semaphore(transfers) if transfers else None
        self._calls = asyncio.Semaphore(calls) if calls else None
        self._patience = patience or None

    @asynccontextmanager
    async def _during(self, operation: str) -> AsyncIterator[None]:
        turns = self._transfers if operation in ("add", "copy", "open") else self._calls
        if turns is None or operation == "start":
            yield
            return
        try:
            async with asyncio.timeout(self._patience):
                await turns.acquire()
        except TimeoutError as error:
            raise Refused(
                f"busy: nothing of what is under way ended within {self._patience:g} s",
                store=self.name,
            ) from error
        try:
            yield
        finally:
            turns.release()
