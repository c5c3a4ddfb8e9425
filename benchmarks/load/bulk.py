"""Whole images up and down: sendfile out of the page cache, and received bytes dropped.

They are dropped by the kernel (MSG_TRUNC): a client that copied them would be the limit of
a fast download on two cores, and hide the server.

A job is ``host``, ``port``, ``headers`` and one of

- ``upload``: a path per stream, with ``body`` (a file), ``size`` and ``chunked``; a
  chunked ``body`` holds the chunks with their framing, and ``repeat`` sends it so
  many times before the last chunk; ``flush``, if given: files that are flushed to the
  disk when all streams were answered;
- ``download``: a path per stream, fetched ``repeat`` times;
- ``seconds``, for background load: ``streams`` that upload ``body`` to a new image and
  delete it, or fetch ``path``, over and over. What has begun at the end is ended.

Reports ``bytes``, ``elapsed`` (first start to last end), ``flushed`` (the same and the flushing
after it) and ``failures``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.load import wire
from benchmarks.load.generator import Job, Result, serve

BLOCK = 1 << 20
Stream = Callable[[], int]
"""Moves bytes until its work is done and returns how many."""


class Transfers:
    """The requests of one job; each opens a connection of its own."""

    def __init__(self, job: Job) -> None:
        self._host: str = job["host"]
        self._port: int = job["port"]
        self._headers: dict[str, str] = job["headers"]
        self._body = os.open(job["body"], os.O_RDONLY) if "body" in job else -1
        self._length = os.fstat(self._body).st_size if "body" in job else 0
        self._size: int = job.get("size", self._length)
        self._chunked: bool = job.get("chunked", False)
        self._repeat: int = job.get("repeat", 1)

    def upload(self, path: str) -> int:
        """Send the body to ``path``; returns its size in bytes, without framing."""
        length = (
            {"Transfer-Encoding": "chunked"}
            if self._chunked
            else {"Content-Length": str(self._size)}
        )
        kind = {"Content-Type": "application/octet-stream"}
        with contextlib.closing(wire.connect(self._host, self._port)) as sock:
            sock.sendall(wire.request("PUT", path, {**self._headers, **kind, **length}))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # see the answer
                self._send_body(sock)
            _expect(wire.read_head(sock)[0], "PUT", path)
        return self._size

    def _send_body(self, sock: socket.socket) -> None:
        for _ in range(self._repeat):
            sent = 0
            while sent < self._length:
                sent += os.sendfile(sock.fileno(), self._body, sent, self._length - sent)
        if self._chunked:
            sock.sendall(b"0\r\n\r\n")

    def download(self, path: str) -> int:
        """Fetch ``path`` and throw it away; returns the bytes of the body."""
        buffer = bytearray(BLOCK)
        with contextlib.closing(wire.connect(self._host, self._port)) as sock:
            sock.sendall(wire.request("GET", path, self._headers))
            head, begun = wire.read_head(sock)
            _expect(head, "GET", path)
            received = len(begun)
            while received != head.length:
                count = sock.recv_into(buffer, 0, socket.MSG_TRUNC)
                if not count:
                    break
                received += count
        if head.length is not None and received != head.length:
            raise ConnectionError(f"GET {path} ended after {received} of {head.length} bytes")
        return received

    def upload_to_new_image(self) -> int:
        """Create an image, send the body to it, delete it."""
        image = {"disk_format": "raw", "container_format": "bare", "name": "background"}
        with contextlib.closing(wire.connect(self._host, self._port)) as sock:
            sock.sendall(
                wire.request(
                    "POST",
                    "/v2/images",
                    {**self._headers, "Content-Type": "application/json"},
                    json.dumps(image).encode(),
                )
            )
            head, _ = wire.read_head(sock)
        _expect(head, "POST", "/v2/images")
        path = wire.path_of(head)
        size = self.upload(f"{path}/file")
        with contextlib.closing(wire.connect(self._host, self._port)) as sock:
            sock.sendall(wire.request("DELETE", path, self._headers))
            _expect(wire.read_head(sock)[0], "DELETE", path)
        return size


def prepare(job: Job) -> Callable[[], Result]:
    """What to run for ``job``."""
    transfers = Transfers(job)
    streams: list[Stream]
    if "seconds" in job:
        streams = [_until_time_is_up(transfers, job)] * job["streams"]
    elif "upload" in job:
        streams = [lambda path=path: transfers.upload(path) for path in job["upload"]]  # type: ignore[misc]
    else:
        streams = [
            lambda path=path: sum(transfers.download(path) for _ in range(job.get("repeat", 1)))  # type: ignore[misc]
            for path in job["download"]
        ]
    return lambda: _run(streams, job.get("flush", ()))


def _until_time_is_up(transfers: Transfers, job: Job) -> Stream:
    def stream() -> int:
        end = time.perf_counter() + job["seconds"]
        moved = 0
        while time.perf_counter() < end:
            moved += (
                transfers.download(job["path"])
                if "path" in job
                else transfers.upload_to_new_image()
            )
        return moved

    return stream


def _run(streams: list[Stream], to_flush: Sequence[str]) -> Result:
    moved, failures = 0, []
    with ThreadPoolExecutor(len(streams)) as pool:
        begun = time.perf_counter()
        for future in [pool.submit(stream) for stream in streams]:
            try:
                moved += future.result()
            except (OSError, ValueError) as error:
                failures.append(f"{type(error).__name__}: {error}")
        elapsed = time.perf_counter() - begun
        if not failures:
            list(pool.map(_flush, to_flush))
        flushed = time.perf_counter() - begun
    return {"bytes": moved, "elapsed": elapsed, "flushed": flushed, "failures": failures}


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _expect(head: wire.Head, method: str, path: str) -> None:
    if head.status >= 300:
        raise ConnectionError(f"{method} {path} was answered with {head.status}")


if __name__ == "__main__":
    serve(prepare)
