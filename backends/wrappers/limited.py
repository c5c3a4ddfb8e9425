"""So much at a time and no more, first come first served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from imagestore.backends.base import Blocks, Buffer, Store, Stored
from imagestore.backends.errors import Refused
from imagestore.backends.parts import Passing
from imagestore.backends.wrappers.forwarding import Add, ForwardingStore

IDLE = 1.0
"""Seconds for which an ``add`` keeps its turn while its source gives nothing."""


class LimitedStore(ForwardingStore):
    """At most ``transfers`` of ``add``, ``copy`` and ``open``, ``calls`` of the others, at a time.

    0 is no limit. Whoever comes later waits in line; after ``patience`` seconds (0: for
    ever) in it, the call is ``Refused``. Leaving the line costs the others nothing. ``start``
    waits for nobody.

    An ``add`` comes into line when its first block is there, and leaves its turn to others while
    its source gives nothing: clients that hardly send would keep the store from all others.
    """

    def __init__(self, store: Store, *, transfers: int, calls: int, patience: float) -> None:
        super().__init__(store)
        self._transfers = asyncio.Semaphore(transfers) if transfers else None
        self._calls = asyncio.Semaphore(calls) if calls else None
        self._patience = patience or None

    async def _add(self, image_id: str, blocks: Blocks, add: Add) -> Stored:
        if self._transfers is None:
            return await add(blocks)
        source = _Source(blocks, self._transfers)
        await source.fetch_first()
        await self._wait_for(self._transfers)
        source.has_turn = True
        try:
            return await add(source)
        finally:
            source.leave_turn()

    @asynccontextmanager
    async def _during(self, operation: str) -> AsyncIterator[None]:
        turns = self._transfers if operation in ("copy", "open") else self._calls
        if turns is None or operation == "start":
            yield
            return
        await self._wait_for(turns)
        try:
            yield
        finally:
            turns.release()

    async def _wait_for(self, turns: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await turns.acquire()
        except TimeoutError as error:
            raise Refused(
                f"busy: nothing of what is under way ended within {self._patience:g} s",
                store=self.name,
            ) from error


class _Source(Passing):
    """The blocks for an ``add``, which has no turn while it waits for them for long."""

    def __init__(self, blocks: Blocks, turns: asyncio.Semaphore) -> None:
        super().__init__(blocks)
        self._turns = turns
        self._first: Buffer | None = None
        self.has_turn = False

    async def fetch_first(self) -> None:
        """Wait for the first block, or for the end where there is none."""
        with contextlib.suppress(StopAsyncIteration):
            self._first = await anext(self._blocks)

    def leave_turn(self) -> None:
        """Let others have it."""
        if self.has_turn:
            self.has_turn = False
            self._turns.release()

    async def __anext__(self) -> Buffer:
        if self._first is not None:
            block, self._first = self._first, None
            return block
        leaving = asyncio.get_running_loop().call_later(IDLE, self.leave_turn)
        following: Buffer | None = None
        try:
            with contextlib.suppress(StopAsyncIteration):
                following = await anext(self._blocks)
        finally:
            leaving.cancel()
        if not self.has_turn:
            # However long it takes: the store has a part of the data by now.
            await self._turns.acquire()
            self.has_turn = True
        if following is None:
            raise StopAsyncIteration
        return following
