"""The fetcher against servers that lie, stall, stop, and never end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

import pytest

from imagestore.backends import errors
from imagestore.backends.http import reading

from ..contract import MIB, content
from .conftest import Web
from .fetching import fetched, fetcher
from .raw_server import Answer, RawServer, Request, head, saying, serving

DATA = content(3 * MIB + 5)
PART = "HTTP/1.1 206 Partial Content"


async def fails(answer: Answer, match: str, *args: int, **options: float) -> RawServer:
    """A fetch of that answer is ``Unavailable`` with that message."""
    async with serving(answer) as server, fetcher(**options) as fetch:
        with pytest.raises(errors.Unavailable, match=match or None) as caught:
            await fetched(fetch, server.url, *args)
        assert caught.value.store == "web"
        assert "127.0.0.1" not in caught.value.message
    return server


class TestWhatIsTold:
    async def test_of_an_object(self, web: Web) -> None:
        url = f"{web.url}/{web.put(b'12345')}"
        async with fetcher() as fetch:
            told = await fetch.head(url)
            assert told.size == 5
            assert told.etag
            assert told.last_modified
            async with fetch.open(url) as opened:
                assert (opened.head.size, opened.head.etag) == (5, told.etag)
                assert opened.head.last_modified == told.last_modified
            async with fetch.open(url, 1, 2) as opened:
                assert (opened.head.size, opened.head.etag) == (5, told.etag)

    async def test_only_that_is_asked_for_which_is_needed(self) -> None:
        answer = saying("HTTP/1.1 200 OK\nContent-Length: 1\nSet-Cookie: a=b", b"x")
        async with serving(answer) as server, fetcher() as fetch:
            for _ in range(2):
                await fetched(fetch, f"{server.url}/x?signature=a%2fb")
            first, second = server.requests
            assert first == second
            assert first.target == "/x?signature=a%2fb"
            assert first.headers["accept-encoding"] == "identity"
            assert set(first.headers) == {"host", "user-agent", "accept-encoding", "accept"}

    async def test_by_a_server_that_knows_no_head(self) -> None:
        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            if request.method == "HEAD":
                writer.write(head("HTTP/1.1 501 Not Implemented\nContent-Length: 0"))
            else:
                writer.write(head(f"{PART}\nContent-Range: bytes 0-0/77\nContent-Length: 1"))
                writer.write(b"x")

        async with serving(answer) as server, fetcher() as fetch:
            assert (await fetch.head(server.url)).size == 77
            assert server.requests[1].headers["range"] == "bytes=0-0"

    async def test_by_a_server_that_tells_no_size(self) -> None:
        answer = saying("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"2\r\nab\r\n0\r\n\r\n")
        async with serving(answer) as server, fetcher() as fetch:
            assert (await fetch.head(server.url)).size is None
            assert await fetched(fetch, server.url) == b"ab"
            assert await fetched(fetch, server.url, 1, 1) == b"b"


class TestLies:
    @pytest.mark.parametrize(
        ("lines", "body", "match"),
        [
            ("HTTP/1.1 200 OK\nContent-Length: 10", b"12345", "early"),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\n12345\r\n", "early"),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\n123", "early"),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"zz\r\n123", ""),
            ("HTTP/1.1 200 OK", b"12345", "where the data ends"),
            ("HTTP/1.0 200 OK", b"12345", "where the data ends"),
            ("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6", b"12345", ""),
            ("HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked", b"12345", ""),
            ("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Encoding: gzip", b"12345", "encoded"),
            ("HTTP/1.1 206 x\nContent-Length: 5\nContent-Range: bytes 1-5/6", b"12345", "another"),
            ("HTTP/1.1 206 x\nContent-Length: 5\nContent-Range: bytes 0-4/6", b"12345", "another"),
            ("HTTP/1.1 206 x\nContent-Length: 5\nContent-Range: bytes 0-4/*", b"12345", "another"),
            ("HTTP/1.1 416 x\nContent-Length: 0\nContent-Range: bytes */0", b"", "refuses"),
            ("HTTP/1.1 204 No Content", b"", "204"),
            ("HTTP/1.1 101 Switching Protocols\nUpgrade: x\nConnection: upgrade", b"x", ""),
            ("HTTP/2 200", b"", ""),
            ("SSH-2.0-OpenSSH_9.2", b"", ""),
            ("220 mail.example.org ESMTP", b"", ""),
            ("HTTP/1.1 200 OK\nX: \0\nContent-Length: 1", b"x", ""),
            ("HTTP/1.1 200 OK\nX: " + "a" * 20_000 + "\nContent-Length: 1", b"x", ""),
            ("HTTP/1.1 200 OK\n" + "X: a\n" * 1000 + "Content-Length: 1", b"x", ""),
        ],
    )
    async def test_about_a_whole_object(self, lines: str, body: bytes, match: str) -> None:
        await fails(saying(lines, body, close=True), match)

    @pytest.mark.parametrize(
        ("lines", "body", "match"),
        [
            ("Content-Length: 5\nContent-Range: bytes 0-4/20", b"12345", "another"),
            ("Content-Length: 5\nContent-Range: bytes 11-15/20", b"12345", "another"),
            ("Content-Length: 4\nContent-Range: bytes 10-13/20", b"1234", "another"),
            ("Content-Length: 6\nContent-Range: bytes 10-15/20", b"123456", "another"),
            ("Content-Length: 6\nContent-Range: bytes 10-14/20", b"123456", "contradicts"),
            ("Content-Length: 5\nContent-Range: bytes 10-14/12", b"12345", "cannot be"),
            ("Content-Length: 5\nContent-Range: bytes 10-14/20", b"123", "early"),
            (
                "Transfer-Encoding: chunked\nContent-Range: bytes 10-14/20",
                b"6\r\n123456\r\n0\r\n\r\n",
                "more than",
            ),
            (
                "Transfer-Encoding: chunked\nContent-Range: bytes 10-14/20",
                b"3\r\n123\r\n0\r\n\r\n",
                "less than",
            ),
            ("Content-Length: 5\nContent-Type: multipart/byteranges; boundary=x", b"12345", ""),
        ],
    )
    async def test_about_a_part(self, lines: str, body: bytes, match: str) -> None:
        await fails(saying(f"{PART}\n{lines}", body, close=True), match, 10, 5)

    async def test_that_there_is_no_such_part(self) -> None:
        for lines in ("Content-Range: bytes */20\n", ""):
            answer = saying(f"HTTP/1.1 416 x\n{lines}Content-Length: 0")
            await fails(answer, "refuses", 10, 5)

    async def test_beyond_the_end_there_is_nothing(self) -> None:
        answer = saying("HTTP/1.1 416 x\nContent-Range: bytes */10\nContent-Length: 3", b"err")
        async with serving(answer) as server, fetcher() as fetch:
            assert await fetched(fetch, server.url, 10, 5) == b""
            assert await fetched(fetch, server.url, 11) == b""

    async def test_more_than_was_announced_is_nobodys_answer(self) -> None:
        """What follows a body is not taken for the answer to the next request."""
        smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        answer = saying("HTTP/1.1 200 OK\nContent-Length: 4", b"good" + smuggled)
        async with serving(answer) as server, fetcher() as fetch:
            good = 0
            for _ in range(5):
                with contextlib.suppress(errors.Unavailable):
                    assert await fetched(fetch, server.url) == b"good"
                    good += 1
                await asyncio.sleep(0.01)
            assert good


class TestNoEnd:
    async def test_of_data_that_is_too_large(self) -> None:
        async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked"))
            while True:
                writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                await writer.drain()

        async with serving(endless) as server, fetcher() as fetch:
            got = 0
            with pytest.raises(errors.WrongSize, match="1048576"):
                async with fetch.open(server.url, most=MIB) as opened:
                    async for block in opened.blocks:
                        got += len(block)
            assert got <= MIB
            await asyncio.wait_for(server.closed.wait(), 10)

    async def test_that_is_announced(self) -> None:
        answer = saying(f"HTTP/1.1 200 OK\nContent-Length: {MIB + 1}")
        async with serving(answer) as server, fetcher() as fetch:
            with pytest.raises(errors.WrongSize):
                await fetched(fetch, server.url, most=MIB)

    async def test_of_a_part(self, web: Web) -> None:
        url = f"{web.url}/{web.put(DATA)}"
        async with fetcher() as fetch:
            with pytest.raises(errors.WrongSize):
                await fetched(fetch, url, 5, 10, most=MIB)
            assert await fetched(fetch, url, most=len(DATA)) == DATA

    async def test_of_interim_answers(self) -> None:
        async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
            while True:
                writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)

        await fails(endless, "in time", answer_timeout=0.5)


class TestStalls:
    async def test_before_an_answer(self) -> None:
        async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(60)

        await fails(silent, "in time", answer_timeout=0.3)

    async def test_in_the_head(self) -> None:
        async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
            for byte in head("HTTP/1.1 200 OK\nX: " + "y" * 1000):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        await fails(drip, "in time", answer_timeout=0.5)

    @pytest.mark.parametrize("pause", [60, 0.02], ids=["for ever", "byte by byte"])
    async def test_in_the_body(self, pause: float) -> None:
        async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(head("HTTP/1.1 200 OK\nContent-Length: 100000"))
            while True:
                writer.write(b"x")
                await asyncio.sleep(pause)

        server = await fails(drip, "next to nothing", progress_timeout=0.5)
        await asyncio.wait_for(server.closed.wait(), 10)

    async def test_while_a_name_is_looked_up(self) -> None:
        async def never(host: str) -> list[object]:
            await asyncio.sleep(60)
            return []

        async with fetcher(resolve=never, answer_timeout=0.3) as fetch:  # type: ignore[arg-type]
            with pytest.raises(errors.Unavailable, match="in time"):
                await fetched(fetch, "http://mirror.example/")

    async def test_a_reader_may_take_its_time(self, web: Web) -> None:
        url = f"{web.url}/{web.put(content(16 * MIB))}"
        async with fetcher(progress_timeout=0.3) as fetch:
            got = b""
            async with fetch.open(url) as opened:
                async for block in opened.blocks:
                    if len(got) in (0, MIB):
                        await asyncio.sleep(0.6)
                    got += bytes(block)
            assert got == content(16 * MIB)


async def test_nobody_listens() -> None:
    async with serving(saying("")) as server:
        pass
    async with fetcher() as fetch:
        with pytest.raises(errors.Unavailable, match="cannot be reached"):
            await fetched(fetch, server.url)


async def test_a_file_that_shrinks_while_nginx_sends_it(web: Web) -> None:
    path = web.put(bytes(64 * MIB))
    async with fetcher() as fetch:
        with pytest.raises(errors.Unavailable, match=r"early|broke"):
            async with fetch.open(f"{web.url}/{path}") as opened:
                async for _ in opened.blocks:
                    os.truncate(web.root / path, 8 * MIB)


async def test_leaving_early_ends_the_transfer() -> None:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("HTTP/1.1 200 OK\nContent-Length: 1000000000"))
        while True:
            writer.write(bytes(MIB))
            await writer.drain()

    async with serving(answer) as server, fetcher() as fetch:
        async with fetch.open(server.url) as opened:
            async for _ in opened.blocks:
                break
        await asyncio.wait_for(server.closed.wait(), 10)
    async with serving(answer) as server, fetcher() as fetch:
        task = asyncio.create_task(fetched(fetch, server.url))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()
        await asyncio.wait_for(server.closed.wait(), 10)


async def test_errors_of_the_caller_pass_unchanged(web: Web) -> None:
    url = f"{web.url}/{web.put(DATA)}"
    async with fetcher() as fetch:
        for error in (OSError("mine"), TimeoutError("mine"), ValueError("mine")):
            with pytest.raises(type(error)) as caught:
                async with fetch.open(url) as opened:
                    async for _ in opened.blocks:
                        raise error
            assert caught.value is error


async def test_nothing_secret_is_told() -> None:
    async with serving(saying("HTTP/1.1 500 x\nContent-Length: 0")) as server, fetcher() as fetch:
        with pytest.raises(errors.Unavailable) as caught:
            await fetched(fetch, f"{server.url}/image?signature=secret")
        assert str(caught.value) == (f"web {server.url}/image: the server answers with status 500")


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
            lines = f"{PART}\nContent-Range: bytes {start}-{end - 1}/{len(DATA)}"
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
                        os.truncate(file, MIB)
                    got += block
        assert resumed
        assert got == data
