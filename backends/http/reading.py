"""One object that is being read from one URL, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import KW_ONLY, dataclass

from aiohttp import ClientResponse

from imagestore.backends.base import Buffer
from imagestore.backends.errors import Unavailable, Unusable, WrongSize
from imagestore.backends.http.body import read_body
from imagestore.backends.http.faults import Broken, while_fetching
from imagestore.backends.http.head import Head, read_head
from imagestore.backends.http.target import shown
from imagestore.backends.least_rate import LeastRate, in_time

Answer = Callable[[str, str, dict[str, str]], AbstractAsyncContextManager[ClientResponse]]
"""Method, URL and headers of a request to its answer."""

SKIPPED = 256 << 20
"""Bytes that are read for nothing at most when a server cannot begin where it should."""
_PAUSE = 0.5
"""Seconds before a transfer is resumed for the first time; twice as many each further time."""


@dataclass
class Reading:
    """Call :meth:`begin`, iterate over :meth:`blocks`, and :meth:`close` in any case.

    Arguments are those of :meth:`imagestore.backends.http.fetch.Fetcher.open`.
    """

    answer: Answer
    url: str
    offset: int
    length: int | None
    _: KW_ONLY
    store: str
    most: int | None
    resumes: int
    progress_timeout: float
    least: LeastRate

    def __post_init__(self) -> None:
        self._end = None if self.length is None else self.offset + self.length
        self._pause = _PAUSE
        self._connection = contextlib.AsyncExitStack()
        self._position = 0
        """Where the next byte that comes stands in the object."""

    async def begin(self) -> Head:
        """What the server says; the data is on its way."""
        with while_fetching(self.store, shown(self.url)):
            self._head = await self._ask(self.offset, {})
            if self.most is not None and (self._head.size or 0) > self.most:
                raise self._too_large(self.most)
        return self._head

    async def blocks(self) -> AsyncGenerator[Buffer, None]:
        """The data: what comes before an error is right."""
        with while_fetching(self.store, shown(self.url)):
            async with contextlib.aclosing(in_time(self._resumed(), self.least)) as blocks:
                async for block in blocks:
                    yield block
                    del block  # it may be used again from now on

    async def _resumed(self) -> AsyncGenerator[Buffer, None]:
        while True:
            try:
                async with contextlib.aclosing(self._blocks()) as blocks:
                    async for block in blocks:
                        yield block
                return
            except Broken:
                if not self.resumes or self._head.validator is None:
                    raise
                await self._resume(self._head.validator)

    async def close(self) -> None:
        """Give the connection up."""
        await self._connection.aclose()

    async def _ask(self, start: int, headers: dict[str, str]) -> Head:
        """Ask for all from ``start``, with ``headers`` if that is a range.

        What is answered may begin before it, never after.
        """
        await self._connection.aclose()
        span = range_header(start, self._end)
        headers = headers | span if span else {}
        response = await self._connection.enter_async_context(self.answer("GET", self.url, headers))
        head = read_head("GET", response.status, response.headers)
        ends = [end for end in (self._end, head.size) if end is not None]
        if response.status == 416:
            if head.size is None or start < head.size or not span:
                raise Unavailable("the server refuses to send what it has")
        elif head.partial:
            # A range of no bytes cannot be asked for: one is.
            expected = max(min(ends), start + 1) if ends else None
            if head.first != start or head.end != expected:
                raise Unavailable("the server sends another part than was asked for")
        elif start > SKIPPED:
            raise Unusable("the server cannot send a part of the data")
        self._response, self._count, self._position = response, head.count, head.first
        return head

    async def _blocks(self) -> AsyncGenerator[memoryview, None]:
        """What is wanted of the data that comes over the present connection."""
        if self._response.status == 416 or not self._wanting():
            return
        body = read_body(self._response, self._count, progress_timeout=self.progress_timeout)
        with while_fetching(self.store, shown(self.url)):
            async with contextlib.aclosing(body):
                async for block in body:
                    before = max(self.offset - self._position, 0)
                    after = None if self._end is None else self._end - self._position
                    self._position += len(block)
                    if self.most is not None and self._position > self.most:
                        raise self._too_large(self.most)
                    if wanted := memoryview(block)[before:after]:
                        yield wanted
                    if not self._wanting():
                        return

    async def _resume(self, validator: str) -> None:
        """Go on where the connection broke, in the same object or not at all."""
        self.offset = max(self._position, self.offset)
        while True:
            self.resumes -= 1
            await asyncio.sleep(self._pause)
            self._pause *= 2
            try:
                with while_fetching(self.store, shown(self.url)):
                    head = await self._ask(self.offset, {"If-Range": validator})
            except Broken:
                if not self.resumes:
                    raise
                continue
            if not head.same_object(self._head):
                raise Unavailable("the data changed while it was read")
            return

    def _wanting(self) -> bool:
        return self._end is None or self._position < self._end

    def _too_large(self, most: int) -> WrongSize:
        return WrongSize(f"larger than {most} bytes")


def range_header(start: int, end: int | None) -> dict[str, str]:
    """The header that asks for the bytes from ``start`` to before ``end``, at least one."""
    if start == 0 and end is None:
        return {}
    return {"Range": f"bytes={start}-" + ("" if end is None else str(max(end, start + 1) - 1))}
