"""Many slow clients at once: each moves bytes no faster than a given rate, all from one loop.

They are connected before the start. A job is ``host``, ``port``, ``headers``, ``clients``,
``rate`` (bytes a second), ``seconds``, and one of

- ``path``: what is downloaded. Every connection has a small receive buffer, so that the rate
  reaches the server;
- ``upload``: a path for each client, and ``size``, the bytes that each says it will send.

With ``patience`` the start is put off until all are answered, for so many seconds at most.
With ``every`` above 1 a connection is looked at in one of so many ticks, a part of all in each.
Reports ``connected`` clients, ``stopped_by``, the reason if that is fewer, ``answered`` (a
download whose 200 came), ``advancing`` (which move at half of ``rate`` or more in the last third)
and ``bytes``.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from benchmarks.load import wire
from benchmarks.load.generator import Job, Result, serve

TICK = 0.1
RECEIVE_BUFFER = 16384


class Client(Protocol):
    """A slow client; ``moved``: bytes so far."""

    sock: socket.socket
    moved: int
    ok: bool
    """Whether nothing has gone wrong yet."""

    def move(self, allowance: int) -> None:
        """Move at most ``allowance`` bytes, fewer if no more can be."""
        ...


class Download:
    """It reads."""

    def __init__(self, sock: socket.socket, request: bytes) -> None:
        sock.sendall(request)
        sock.setblocking(False)
        self.sock = sock
        self._head = b""
        self._ended = False
        self.ok = False
        self.moved = 0

    def move(self, allowance: int) -> None:
        if self._ended:
            return
        try:
            block = self.sock.recv(allowance)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        self._ended = not block
        self.moved += len(block)
        if not self.ok:
            self._head += block
            if found := wire.parse(self._head):
                self.ok = found[0].status == 200


class Upload:
    """It sends, and says to what end when it is connected."""

    def __init__(self, sock: socket.socket, request: bytes) -> None:
        sock.sendall(request)
        sock.setblocking(False)
        self.sock = sock
        self.ok = True
        self.moved = 0

    def move(self, allowance: int) -> None:
        try:
            self.moved += self.sock.send(b"x" * allowance)
        except BlockingIOError:
            return
        except OSError:
            self.ok = False


def _wait_for_answers(socks: Sequence[socket.socket], seconds: float) -> None:
    end = time.monotonic() + seconds
    with select.epoll() as answers:
        for sock in socks:
            answers.register(sock, select.EPOLLIN | select.EPOLLONESHOT)
        missing = len(socks)
        while missing and (left := end - time.monotonic()) > 0:
            missing -= len(answers.poll(left))


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``."""
    every: int = job.get("every", 1)
    allowance = int(job["rate"] * TICK * every)

    def connect(number: int) -> Client:
        sock = wire.connect(job["host"], job["port"], RECEIVE_BUFFER, source=number)
        if "path" in job:
            return Download(sock, wire.request("GET", job["path"], job["headers"]))
        headers = {
            **job["headers"],
            "Content-Type": "application/octet-stream",
            "Content-Length": str(job["size"]),
        }
        return Upload(sock, wire.request("PUT", job["upload"][number], headers))

    clients, stopped_by = wire.as_many(job["clients"], connect)
    _wait_for_answers([client.sock for client in clients], job.get("patience", 0.0))

    def work() -> Result:
        start = time.perf_counter()
        ticks = int(job["seconds"] / TICK)
        mark = ticks * 2 // 3
        at_mark = [0] * len(clients)
        for tick in range(ticks):
            if tick == mark:
                at_mark = [client.moved for client in clients]
            for client in clients[tick % every :: every]:
                client.move(allowance)
            with contextlib.suppress(ValueError):
                time.sleep(start + (tick + 1) * TICK - time.perf_counter())
        expected = job["rate"] * TICK * (ticks - mark)
        return {
            "connected": len(clients),
            "stopped_by": stopped_by,
            "answered": sum(client.ok for client in clients),
            "advancing": sum(
                client.ok and client.moved - before >= expected / 2
                for client, before in zip(clients, at_mark, strict=True)
            ),
            "bytes": sum(client.moved for client in clients),
        }

    return work


if __name__ == "__main__":
    serve(prepare)
