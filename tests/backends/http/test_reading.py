"""Going on with a transfer that broke: in the very same object, or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from imagestore.backends import errors
from imagestore.backends.http import reading
from imagestore.backends.testing.contract import MIB, content

from .conftest import Web
from .fetching import fetched, fetcher
from .raw_server import Request, head, serving

DATA = content(3 * MIB + 5)


class Flaky:
    """Serves :data:`DATA` and cuts the connection after so many bytes of each answer."""

    def __init__(self, *cuts: int, etag: Callable[[int], str] = lambda number: '"v1"') -> None:
        self._cuts = list(cuts)
        self._etag = etag
        self._number = 0
        self.ranged = True
        self.refusals = 0
        """Requests after the first that are answered with 503."""

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self._number += 1
        etag = self._etag(self._number)
        if self._number > 1 and self.refusals:
            self.refusals -= 1
            writer.write(head("HTTP/1.1 503 x\nContent-Length: 0"))
            return
        start, end = 0, len(DATA)
        asked = request.headers.get("range", "")
        wanted = request.headers.get("if-range", etag) == etag
        if asked and self.ranged and wanted:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else end
            lines = f"HTTP/1.1 206 x\nContent-Range: bytes {start}-{end - 1}/{len(DATA)}"
        else:
            lines = "HTTP/1.1 200 OK"
        tag = f"\nETag: {etag}" if etag else ""
        writer.write(head(f"{lines}\nContent-Length: {end - start}{tag}"))
        body = DATA[start:end]
        if self._cuts and (cut := self._cuts.pop(0)) < len(body):
            writer.write(body[:cut])
            await writer.drain()
            writer.transport.abort() if cut % 2 else writer.close()
        else:
            writer.write(body)


class TestResume:
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "_PAUSE", 0.01)

    @pytest.mark.parametrize("cuts", [(MIB,), (MIB + 1,), (1,), (0,), (MIB, 3, 70_000, MIB)])
    async def test_goes_on_where_it_stopped(self, cuts: tuple[int, ...]) -> None:
        async with serving(Flaky(*cuts)) as server, fetcher() as fetch:
            assert await fetched(fetch, server.url, resumes=len(cuts)) == DATA
            ranges = [request.headers.get("range") for request in server.requests]
            assert ranges[0] is None
            assert len(ranges) == len(cuts) + 1
            for request in server.requests[1:]:
                assert ("range" in request.headers) is ("if-range" in request.headers)
                assert request.headers.get("if-range", '"v1"') == '"v1"'

    async def test_of_a_part(self) -> None:
        async with serving(Flaky(MIB, 5)) as server, fetcher() as fetch:
            got = await fetched(fetch, server.url, 1000, 2 * MIB, resumes=2)
            assert got == DATA[1000 : 1000 + 2 * MIB]

    async def test_only_so_many_times(self) -> None:
        async with serving(Flaky(100, 100, 100)) as server, fetcher() as fetch:
            with pytest.raises(errors.Unavailable):
                await fetched(fetch, server.url, resumes=2)
            assert len(server.requests) == 3

    async def test_not_unless_it_is_wanted(self) -> None:
        async with serving(Flaky(100)) as server, fetcher() as fetch:
            with pytest.raises(errors.Unavailable):
                await fetched(fetch, server.url)
            assert len(server.requests) == 1

    async def test_not_in_another_object(self) -> None:
        flaky = Flaky(MIB, etag=lambda number: f'"v{number}"')
        async with serving(flaky) as server, fetcher() as fetch:
            with pytest.raises(errors.Unavailable, match="changed"):
                await fetched(fetch, server.url, resumes=3)
            assert len(server.requests) == 2

    @pytest.mark.parametrize("etag", ["", 'W/"v1"'])
    async def test_not_where_that_cannot_be_told(self, etag: str) -> None:
        flaky = Flaky(MIB, etag=lambda number: etag)
        async with serving(flaky) as server, fetcher() as fetch:
            with pytest.raises(errors.Unavailable):
                await fetched(fetch, server.url, resumes=3)
            assert len(server.requests) == 1

    async def test_by_a_server_that_begins_anew(self) -> None:
        flaky = Flaky(MIB)
        flaky.ranged = False
        async with serving(flaky) as server, fetcher() as fetch:
            assert await fetched(fetch, server.url, 10, MIB + 5, resumes=3) == DATA[10 : MIB + 15]
            assert len(server.requests) == 2

    async def test_by_a_server_that_is_away_for_a_while(self) -> None:
        flaky = Flaky(MIB)
        flaky.refusals = 2
        async with serving(flaky) as server, fetcher() as fetch:
            assert await fetched(fetch, server.url, resumes=3) == DATA
        flaky = Flaky(MIB)
        flaky.refusals = 3
        async with serving(flaky) as server, fetcher() as fetch:
            with pytest.raises(errors.Unavailable, match="503"):
                await fetched(fetch, server.url, resumes=3)

    async def test_of_a_server_that_stalled(self) -> None:
        flaky = Flaky()
        stalled = False

        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            nonlocal stalled
            if not stalled:
                stalled = True
                writer.write(head(f'HTTP/1.1 200 x\nContent-Length: {len(DATA)}\nETag: "v1"'))
                writer.write(DATA[:MIB])
                await asyncio.sleep(60)
            await flaky(request, writer)

        async with serving(answer) as server, fetcher(progress_timeout=0.5) as fetch:
            assert await fetched(fetch, server.url, resumes=1) == DATA

    async def test_with_nginx(self, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cut by a file that is short for a while; nginx makes its tag of size and time."""
        data = content(48 * MIB)
        file = web.root / web.put(data)
        status = file.stat()
        resume = reading.Reading._resume
        resumed = 0

        async def restore(self: reading.Reading, validator: str) -> None:
            nonlocal resumed
            resumed += 1
            file.write_bytes(data)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
            await resume(self, validator)

        monkeypatch.setattr(reading.Reading, "_resume", restore)
        got = bytearray()
        async with fetcher() as fetch:
            url = f"{web.url}/{file.relative_to(web.root)}"
            async with fetch.open(url, resumes=3) as opened:
                async for block in opened.blocks:
                    if not got:
                        # Far beyond what is on its way: pages under way would become zeros.
                        os.truncate(file, 40 * MIB)
                    got += block
        assert resumed
        assert got == data
