"""A TCP proxy that misbehaves on demand, between a client and a real service.

    with FaultProxy(port_of_the_service) as proxy:
        ...                                     # the client is told proxy.port
        proxy.faults = Faults(cut_after=1 << 20)
        proxy.faults = Faults()                 # all is well again

It runs on a thread with an event loop of its own, so that a test which blocks, or whose
loop is busy, does not slow it down. New faults hold from the next piece of data on,
for connections that are open as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Self

HOST = "127.0.0.1"
_PIECE = 64 << 10
"""Bytes that are passed on at a time."""
_LOOK = 0.02
"""Seconds between looks at whether a hole has been closed."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong. Counts of bytes are of one connection, from its beginning."""

    latency: float = 0.0
    """Seconds by which every piece of data is late, both ways."""
    rate: float = 0.0
    """Bytes a second, each way; 0 is as fast as can be."""
    total: float = 0.0
    """Bytes a second from the service over all connections together; 0 is as fast as can be."""
    cut_after: int | None = None
    """Bytes from the service after which both sides get a reset."""
    cut_upload_after: int | None = None
    """Bytes to the service after which both sides get a reset."""
    corrupt_at: int | None = None
    """The byte from the service, counted from 0, all of whose bits are turned."""
    refuse: bool = False
    """New connections get a reset at once."""
    black_hole: bool = False
    """Nothing is passed on, either way; what came in meanwhile is when this ends."""


@dataclass(slots=True)
class Traffic:
    """What has gone through since the start: connections, and bytes to and from the service."""

    connections: int = 0
    up: int = 0
    down: int = 0


class FaultProxy:
    """Passes what comes to ``port`` on to ``target`` on this machine, with ``faults``."""

    def __init__(self, target: int) -> None:
        self.target = target
        """The port of the service; may be changed, for connections to come."""
        self.faults = Faults()
        self.traffic = Traffic()
        self.port = 0
        self._free_at = 0.0
        self._open: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="faultproxy", daemon=True)
        self._ready = threading.Event()
        self._end = asyncio.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port, which ``port`` tells."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Reset every connection and stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def drop_all(self) -> None:
        """Reset the connections that are open now."""
        self._loop.call_soon_threadsafe(self._reset_all)

    async def turn(self, count: int) -> None:
        """Wait until so many bytes from the service may pass, by ``total``."""
        if not self.faults.total:
            return
        now = self._loop.time()
        # What a late wake-up missed is caught up with, but not what nobody asked for.
        self._free_at = max(self._free_at, now - 10 * _LOOK) + count / self.faults.total
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        self._reset_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset_all(self) -> None:
        for connection in list(self._open):
            connection.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.traffic.connections += 1
        if self.faults.refuse:
            _reset(writer)
            return
        try:
            to_service = await asyncio.open_connection(HOST, self.target)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(self, (reader, writer), to_service)
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)


class _Connection:
    """One client, and the connection to the service that was made for it."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        service: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._service = service

    async def run(self) -> None:
        try:
            await asyncio.gather(self._up(), self._down())
        except OSError:
            self.reset()
        finally:
            for _, writer in (self._client, self._service):
                writer.close()

    def reset(self) -> None:
        for _, writer in (self._client, self._service):
            _reset(writer)

    async def _up(self) -> None:
        count = 0
        while piece := await self._next(self._client[0]):
            limit = self._proxy.faults.cut_upload_after
            await self._pass_on(self._service[1], piece, count, limit)
            count += len(piece)
            self._proxy.traffic.up += len(piece)
        self._service[1].write_eof()

    async def _down(self) -> None:
        count = 0
        while piece := await self._next(self._service[0]):
            faults = self._proxy.faults
            await self._proxy.turn(len(piece))
            if faults.corrupt_at is not None:
                piece = _corrupted(piece, faults.corrupt_at - count)
            await self._pass_on(self._client[1], piece, count, faults.cut_after)
            count += len(piece)
            self._proxy.traffic.down += len(piece)
        self._client[1].write_eof()

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        """The next piece, when its time has come; nothing at the end."""
        piece = await reader.read(_PIECE)
        while self._proxy.faults.black_hole:
            await asyncio.sleep(_LOOK)
        faults = self._proxy.faults
        if faults.rate:
            await asyncio.sleep(len(piece) / faults.rate)
        if faults.latency:
            await asyncio.sleep(faults.latency)
        return piece

    async def _pass_on(
        self, writer: asyncio.StreamWriter, piece: bytes, count: int, limit: int | None
    ) -> None:
        """Write the piece, the first after ``count`` bytes; reset where ``limit`` is reached."""
        if limit is not None and count + len(piece) >= limit:
            writer.write(piece[: max(0, limit - count)])
            await writer.drain()
            await asyncio.sleep(_LOOK)  # a reset would overtake what is still in the buffers
            raise ConnectionResetError("cut")
        writer.write(piece)
        await writer.drain()


def _corrupted(piece: bytes, at: int) -> bytes:
    if not 0 <= at < len(piece):
        return piece
    return piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST, as a host does whose process is gone."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
