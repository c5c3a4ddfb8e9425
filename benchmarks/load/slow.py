"""Many slow downloads at once: each reads no faster than a given rate, all from one loop.

A job is ``host``, ``port``, ``headers``, ``path``, ``clients``, ``rate`` (bytes a second) and
``seconds``. Every connection has a small receive buffer, so that the rate reaches the server.
Reports ``answered`` (a 200 came), ``advancing`` (still receiving at half of ``rate`` or more
in the last third) and ``bytes``.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

from benchmarks.load import wire
from benchmarks.load.generator import Job, Result, serve

TICK = 0.1
RECEIVE_BUFFER = 16384


class Download:
    """One of them."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._head = b""
        self.status: int | None = None
        self.received = 0
        self.ended = False

    def read(self, allowance: int) -> None:
        """Take at most ``allowance`` bytes, fewer if fewer have come."""
        if self.ended:
            return
        try:
            block = self._sock.recv(allowance)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        self.ended = not block
        self.received += len(block)
        if self.status is None:
            self._head += block
            if found := wire.parse(self._head):
                self.status = found[0].status


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``."""
    request = wire.request("GET", job["path"], job["headers"])
    per_tick = int(job["rate"] * TICK)

    def work() -> Result:
        downloads = []
        for _ in range(job["clients"]):
            sock = wire.connect(job["host"], job["port"], RECEIVE_BUFFER)
            sock.sendall(request)
            sock.setblocking(False)
            downloads.append(Download(sock))
        start = time.perf_counter()
        ticks = int(job["seconds"] / TICK)
        mark = ticks * 2 // 3
        at_mark = [0] * len(downloads)
        for tick in range(ticks):
            if tick == mark:
                at_mark = [download.received for download in downloads]
            for download in downloads:
                download.read(per_tick)
            with contextlib.suppress(ValueError):
                time.sleep(start + (tick + 1) * TICK - time.perf_counter())
        expected = per_tick * (ticks - mark)
        return {
            "answered": sum(download.status == 200 for download in downloads),
            "advancing": sum(
                download.status == 200 and download.received - before >= expected / 2
                for download, before in zip(downloads, at_mark, strict=True)
            ),
            "bytes": sum(download.received for download in downloads),
        }

    return work


if __name__ == "__main__":
    serve(prepare)
