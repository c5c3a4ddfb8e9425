"""Connections that are kept alive and idle: each asks once before the start, and again after it.

A job is ``host``, ``port``, ``headers``, ``path`` and ``clients``; they idle until the start.
Reports ``connected`` clients, ``stopped_by``, the reason if that is fewer, and ``kept``: those
whose second request was answered on the same connection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from benchmarks.load import wire
from benchmarks.load.generator import Job, Result, serve


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``."""
    request = wire.request("GET", job["path"], job["headers"])

    def connect(number: int) -> socket.socket:
        sock = wire.connect(job["host"], job["port"], source=number)
        if not _answers(sock, request):
            raise ConnectionError("a connection was not answered, or closed after it")
        return sock

    socks, stopped_by = wire.as_many(job["clients"], connect)

    def work() -> Result:
        kept = sum(_answers(sock, request) for sock in socks)
        return {"connected": len(socks), "stopped_by": stopped_by, "kept": kept}

    return work


def _answers(sock: socket.socket, request: bytes) -> bool:
    try:
        sock.sendall(request)
        head, body = wire.read_head(sock)
        missing = (head.length or 0) - len(body)
        while missing > 0 and (block := sock.recv(missing)):
            missing -= len(block)
    except OSError:
        return False
    return head.status < 400 and not head.close and not missing


if __name__ == "__main__":
    serve(prepare)
