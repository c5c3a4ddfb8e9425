"""Just enough HTTP/1.1 for a load generator: heads out, heads in, on raw sockets."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

_TIMEOUT = struct.pack("ll", 120, 0)
"""Seconds until the kernel gives up a blocking call; a socket timeout of Python's would
make the socket non-blocking, which sendfile does not want."""


_IP_BIND_ADDRESS_NO_PORT = 24
"""From ``linux/in.h``: the port is chosen when it is known where to, so that it can serve twice."""
_ADDRESSES = 8
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Head:
    """What a response begins with. ``length`` is None where the body lasts until the end."""

    status: int
    length: int | None
    close: bool
    location: str | None


def request(
    method: str, path: str, headers: Mapping[str, str], body: bytes = b"", **more: str
) -> bytes:
    """One request as bytes. Underscores in ``more`` stand for dashes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    named = {name.replace("_", "-"): value for name, value in more.items()}
    lines += [f"{name}: {value}" for name, value in {**headers, **named}.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def parse(data: bytes | bytearray) -> tuple[Head, int] | None:
    """The head that ``data`` begins with and its length in bytes; None if it is not whole."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(data[:end]).split(b"\r\n")
    status = int(lines[0][9:12])
    length: int | None = 0 if status in (204, 304) else None
    close, location = False, None
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name == b"content-length":
            length = int(value)
        elif name == b"connection":
            close = value.strip().lower() == b"close"
        elif name == b"location":
            location = value.strip().decode()
        elif name == b"transfer-encoding":
            raise ValueError("a chunked response: the generators read plain bodies only")
    return Head(status, length, close or length is None, location), end + 4


def connect(
    host: str, port: int, receive_buffer: int | None = None, *, source: int = 0
) -> socket.socket:
    """A connected, blocking socket; the kernel ends calls that take two minutes.

    ``source``: the number of the client. They come from a few addresses of loopback in turn, as
    a single one has ports for some ten thousand connections.
    """
    sock = socket.socket()
    if source:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((f"127.0.0.{1 + source % _ADDRESSES}", 0))
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEOUT)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
    sock.connect((host, port))
    return sock


def as_many(number: int, connect: Callable[[int], T]) -> tuple[list[T], str]:
    """``connect`` clients 0 to ``number``, or as many as can be, and what there was no more of."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found: list[T] = []
    for each in range(number):
        try:
            found.append(connect(each))
        except OSError as error:
            return found, f"{type(error).__name__}: {error}"
    return found, ""


def read_head(sock: socket.socket) -> tuple[Head, bytes]:
    """The head of the next response and what of the body came with it."""
    data = b""
    while True:
        block = sock.recv(65536)
        if not block:
            raise ConnectionError("the server closed the connection without an answer")
        data += block
        found = parse(data)
        if found is not None:
            return found[0], data[found[1] :]


def path_of(head: Head) -> str:
    """The path that the Location of a response names, with or without scheme and host."""
    location = head.location or ""
    return "/" + location.split("/", 3)[3] if "://" in location else location
