"""A server on a real socket that sends whatever bytes a test wants, for what nginx cannot do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    """By name in lower case."""


@dataclass(slots=True)
class RawServer:
    url: str
    port: int
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a connection has ended."""


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[RawServer]:
    """Serve on a free port of ``host``. A connection ends when ``answer`` closes its writer."""
    server = RawServer("", 0)
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request = _request(head.decode("latin-1"))
                server.requests.append(request)
                await answer(request, writer)
                if writer.is_closing():
                    return
                await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            server.closed.set()
            writer.close()

    listener = await asyncio.start_server(connected, host, 0)
    server.port = listener.sockets[0].getsockname()[1]
    server.url = f"http://{host}:{server.port}"
    try:
        yield server
    finally:
        listener.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def saying(text: str, body: bytes = b"", *, close: bool = False) -> Answer:
    """An answer that is the same each time; ``text`` is its head, in lines."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(text) + (b"" if request.method == "HEAD" else body))
        if close:
            await writer.drain()
            writer.close()

    return answer


def head(text: str) -> bytes:
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _request(text: str) -> Request:
    first, *lines = text.strip().split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return Request(method, target, {name.lower(): value.strip() for name, _, value in pairs})
