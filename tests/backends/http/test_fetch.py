"""The fetcher against servers that lie, stall, stop, and never end."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.contract import MIB, content

from .conftest import Web
from .fetching import Names, fails, fetched, fetcher
from .raw_server import Request, head, saying, serving

DATA = content(3 * MIB + 5)
PART = "HTTP/1.1 206 Partial Content"


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
        async with serving(answer) as server, fetcher(resolve=Names(["127.0.0.1"])) as fetch:
            for _ in range(2):  # of a name, for which a client would keep a cookie
                await fetched(fetch, f"http://mirror.example:{server.port}/x?signature=a%2fb")
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
