"""Tell an observer what each operation came to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from imagestore.backends.base import Blocks, Buffer, Store, Stored
from imagestore.backends.errors import StoreError
from imagestore.backends.wrappers.forwarding import Add, Ask, ForwardingStore

T = TypeVar("T")


class Observer(Protocol):
    """Called after each operation, on the event loop; it must not block or raise."""

    def __call__(
        self, store: str, operation: str, outcome: str, *, seconds: float, size: int
    ) -> object:
        """``operation``: the method. ``outcome``: ``ok``, the class of the store's error,
        ``cancelled``, or ``aborted`` for an error that was not the store's.

        ``seconds`` that the store took: of a transfer, without the time in which it waited
        for its source or its reader. ``size``: bytes moved.
        """


class MeasuredStore(ForwardingStore):
    """Counts, times and weighs what is asked of the store."""

    def __init__(
        self, store: Store, observer: Observer, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(store)
        self._observer = observer
        self._clock = clock

    async def _call(self, operation: str, ask: Ask[T]) -> T:
        with self._measured(operation) as tally:
            answer = await ask()
            if isinstance(answer, Stored):  # a copy, of which no byte has been seen
                tally.size = answer.size
            return answer

    async def _add(self, image_id: str, blocks: Blocks, add: Add) -> Stored:
        with self._measured("add") as tally:
            return await add(self._sent(blocks, tally))

    async def _sent(self, blocks: Blocks, tally: _Tally) -> AsyncIterator[Buffer]:
        """``blocks``, their bytes counted and the time to get them taken off."""
        while True:
            begin = self._clock()
            try:
                block = await anext(blocks)
            except StopAsyncIteration:
                return
            finally:
                tally.elsewhere += self._clock() - begin
            tally.size += len(block)
            yield block

    @asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        with self._measured("open") as tally:
            async with self.store.open(url, offset, length) as blocks:
                inside = _Inside(blocks, tally, self._clock)
                try:
                    yield inside
                finally:
                    inside.left()

    @contextmanager
    def _measured(self, operation: str) -> Iterator[_Tally]:
        tally, outcome = _Tally(), "ok"
        begin = self._clock()
        try:
            yield tally
        except StoreError as error:
            # An error of another store came with the data.
            outcome = type(error).__name__ if error.store in ("", self.name) else "aborted"
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except BaseException:
            outcome = "aborted"
            raise
        finally:
            seconds = self._clock() - begin - tally.elsewhere
            self._observer(self.name, operation, outcome, seconds=seconds, size=tally.size)


@dataclass(slots=True)
class _Tally:
    size: int = 0
    elsewhere: float = 0.0
    """Seconds that were not the store's."""


@dataclass
class _Inside:
    """The blocks that a reader takes, timed: what lies between two of them is the reader's."""

    blocks: Blocks
    tally: _Tally
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._since = self.clock()

    def __aiter__(self) -> Blocks:
        return self

    async def __anext__(self) -> Buffer:
        self.left()
        try:
            block = await anext(self.blocks)
        finally:
            self._since = self.clock()
        self.tally.size += len(block)
        return block

    def left(self) -> None:
        """The reader hands over to the store again."""
        self.tally.elsewhere += self.clock() - self._since
        self._since = self.clock()
