"""Bodies that never end, and those that never go on."""

from __future__ import annotations

import asyncio

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.contract import MIB, content

from .conftest import Web
from .fetching import fails, fetched, fetcher
from .raw_server import Request, head, saying, serving

DATA = content(3 * MIB + 5)


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
