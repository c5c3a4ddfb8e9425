"""Many clients that download one image at the same time, for as little of the processors as can be.

One process waits for all of them (epoll), and is woken for 1 MiB at a time (``SO_RCVLOWAT``).
The kernel drops what they receive (``MSG_TRUNC``), but for a part that is compared with the
image: of every client the pieces of a MiB whose number modulo ``every`` is its own. So all
bytes are counted, and each piece of the image is compared ``clients / every`` times.

A job is ``host``, ``port``, ``headers``, ``path``, ``clients``, ``body`` (a file with the image)
and ``every``. Reports ``bytes``, ``compared`` (bytes), ``elapsed`` (until the last client has
every byte), ``first`` (until the first one has) and ``failures``.
"""

from __future__ import annotations

import mmap
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import wire
from benchmarks.load.generator import Job, Result, serve

PIECE = 1 << 20
AT_ONCE = 16 << 20
"""Bytes that one client drops before another has its turn."""
SILENCE = 120
"""Seconds without a byte for anybody after which all that are left have failed."""


@dataclass(slots=True)
class Client:
    """``turn``: which pieces it compares. ``ended``: when it had all bytes, by the clock."""

    sock: socket.socket
    turn: int
    position: int = -1
    """Of the body; before its head is read -1."""
    compared: int = 0
    ended: float = 0.0


class Crowd:
    """The clients of one job."""

    def __init__(self, job: Job) -> None:
        self._host: str = job["host"]
        self._port: int = job["port"]
        self._request = wire.request("GET", job["path"], job["headers"])
        self._number: int = job["clients"]
        self._every: int = job["every"]
        self._size = Path(job["body"]).stat().st_size
        with open(job["body"], "rb") as body:
            self._body = memoryview(mmap.mmap(body.fileno(), 0, prot=mmap.PROT_READ))
        # Hardly any of it is ever touched: what the kernel drops it does not write.
        self._room = memoryview(mmap.mmap(-1, AT_ONCE))
        self._failures: list[str] = []

    def run(self) -> Result:
        """All of them, from the first connection to the last byte."""
        begun = time.perf_counter()
        clients = [
            Client(wire.connect(self._host, self._port), number % self._every)
            for number in range(self._number)
        ]
        waiting = select.epoll()
        by_descriptor = {}
        for client in clients:
            client.sock.sendall(self._request)
            by_descriptor[client.sock.fileno()] = client
            waiting.register(client.sock, select.EPOLLIN)
        while by_descriptor:
            ready = waiting.poll(SILENCE)
            if not ready:
                self._failures.append(f"{len(by_descriptor)} clients waited in vain")
                break
            for descriptor, _ in ready:
                client = by_descriptor[descriptor]
                try:
                    more = self._receive(client)
                except (OSError, ValueError) as error:
                    self._failures.append(f"{type(error).__name__}: {error}")
                    more = False
                if not more:
                    client.ended = time.perf_counter()
                    waiting.unregister(client.sock)
                    del by_descriptor[descriptor]
                    client.sock.close()
        ends = [client.ended - begun for client in clients]
        return {
            "bytes": sum(max(0, client.position) for client in clients),
            "compared": sum(client.compared for client in clients),
            "first": min(ends),
            "elapsed": max(ends),
            "failures": self._failures,
        }

    def _receive(self, client: Client) -> bool:
        """Take what is there; whether more has to come."""
        if client.position < 0:
            self._begin(client)
        limit = min(self._size, client.position + AT_ONCE)
        while client.position < limit:
            piece = client.position // PIECE
            # Pieces until the next one that it compares.
            away = (client.turn - piece) % self._every
            until = min((piece + (away or 1)) * PIECE, self._size)
            flags = socket.MSG_DONTWAIT | (socket.MSG_TRUNC if away else 0)
            try:
                count = client.sock.recv_into(self._room, until - client.position, flags)
            except BlockingIOError:
                break
            if not count:
                raise ConnectionError(f"the answer ended after {client.position} bytes")
            if not away:
                self._compare(client, self._room[:count])
            client.position += count
        left = self._size - client.position
        if 0 < left < PIECE:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        return left > 0

    def _begin(self, client: Client) -> None:
        head, begun = wire.read_head(client.sock)
        # Glance tells no length until it has the image in its cache.
        if head.status != 200 or head.length not in (None, self._size):
            raise ValueError(f"answered with {head.status}, {head.length} bytes")
        client.position = 0
        self._compare(client, begun)
        client.position = len(begun)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, min(PIECE, self._size))

    def _compare(self, client: Client, data: bytes | memoryview) -> None:
        # A mapping compares with memcmp; a memoryview would compare item by item.
        begin = client.position
        if bytearray(data) != self._body[begin : begin + len(data)]:
            raise ValueError(f"wrong bytes after {begin}")
        client.compared += len(data)


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``."""
    return Crowd(job).run


if __name__ == "__main__":
    serve(prepare)
