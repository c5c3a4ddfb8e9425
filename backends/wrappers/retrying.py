"""Try again what failed for a passing reason, where doing it twice does no harm."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from itertools import count
from typing import TypeVar

from imagestore.backends.base import Blocks, Buffer, Held, Pages, Store, Stored
from imagestore.backends.errors import NotFound, Refused, Unavailable
from imagestore.backends.parts import Passing, chained
from imagestore.backends.wrappers.forwarding import Add, Ask, ForwardingStore

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds to wait at most before the first and before any later attempt; doubled in between."""


class RetryingStore(ForwardingStore):
    """Repeats calls that end in ``Unavailable``, up to ``retries`` times, with growing pauses.

    The pauses are random between nothing and their bound, so that callers who failed
    together do not come back together. No attempt begins later than ``within`` seconds after
    the first: what has waited long for an answer in vain is not asked again. ``Refused`` is not
    repeated either. Of the transfers,
    ``open`` is repeated until its first buffer is there, and ``add`` while nothing has been
    asked of its source, which cannot be read twice.
    """

    def __init__(self, store: Store, *, retries: int, within: float) -> None:
        super().__init__(store)
        self._retries = retries
        self._within = within

    async def _call(self, operation: str, ask: Ask[T]) -> T:
        return await (ask() if operation == "copy" else self._persist(operation, ask))

    async def _add(self, image_id: str, blocks: Blocks, add: Add) -> Stored:
        source = _Source(blocks)
        return await self._persist("add", lambda: add(source), lambda: not source.asked)

    @asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        first, blocks, stack = await self._persist("open", lambda: self._begin(url, offset, length))
        begun = [] if first is None else [first]
        async with stack, aclosing(chained(begun, blocks)) as joined:
            yield joined

    async def _begin(
        self, url: str, offset: int, length: int | None
    ) -> tuple[Buffer | None, Blocks, AsyncExitStack]:
        """The first buffer (None if there is none), the others, and what closes them."""
        async with AsyncExitStack() as stack:
            blocks = await stack.enter_async_context(self.store.open(url, offset, length))
            first = await anext(blocks, None)
            return first, blocks, stack.pop_all()

    async def delete(self, url: str) -> None:
        attempts = 0

        async def delete() -> None:
            nonlocal attempts
            attempts += 1
            try:
                await self.store.delete(url)
            except NotFound:
                # The attempt before may have done it and failed to say so.
                if attempts == 1:
                    raise

        await self._persist("delete", delete)

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        """Repeated until its first page is there."""
        owners = tuple(owners)
        page, pages = await self._persist("held", lambda: self._first_page(owners))
        async with aclosing(pages):
            while page is not None:
                yield page
                page = await anext(pages, None)

    async def _first_page(self, owners: Iterable[str]) -> tuple[Sequence[Held] | None, Pages]:
        pages = self.store.held(owners)
        try:
            return await anext(pages, None), pages
        except BaseException:
            await pages.aclose()
            raise

    async def _persist(
        self,
        operation: str,
        call: Ask[T],
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> T:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._within
        failure: Unavailable | None = None
        for attempt in count():
            try:
                return await call()
            except Refused as refusal:
                # What an earlier attempt has met says more.
                raise failure or refusal from None
            except Unavailable as error:
                failure = error
                pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))  # noqa: S311
                if attempt == self._retries or loop.time() + pause > end or not may_repeat():
                    raise
            log.info("%s will be tried again: %s", operation, failure)
            await asyncio.sleep(pause)
        raise AssertionError


class _Source(Passing):
    """The blocks for an attempt to ``add``; knows whether any has been asked for.

    A driver that closed them would leave nothing for the next attempt.
    """

    asked = False

    async def __anext__(self) -> Buffer:
        self.asked = True
        return await super().__anext__()
