"""What is no HTTP, means two things at once, or is too large: refused, once, and hung up on."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from tests.served import Served, serve

LIMIT = 16384
LIST = b"GET /v2/images HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v2/images HTTP/1.1\r\nHost: x\r\n"
HIDDEN = b"DELETE /v2/images/x HTTP/1.1\r\nHost: x\r\n\r\n"
TOO_LARGE = {
    "url": (414, b"GET /v2/images?" + b"a" * LIMIT + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "header": (431, LIST + b"X-A: " + b"a" * (LIMIT + 8) + b"\r\n\r\n"),
    "name of a header": (431, LIST + b"a" * (LIMIT + 8) + b": x\r\n\r\n"),
    "headers": (431, LIST + b"".join(b"X-%d: a\r\n" % n for n in range(2000)) + b"\r\n"),
}
AMBIGUOUS = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 50\r\n\r\n{}",
    "lengths in one header": POST + b"Content-Length: 2, 50\r\n\r\n{}",
    "length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "length in hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "chunks that are not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding with a space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "length of a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "folded header": LIST + b"X-A: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET /v2/images HTTP/1.1\nHost: x\n\n",
    "NUL in a header": LIST + b"X-A: a\0b\r\n\r\n",
    "two hosts": LIST + b"Host: y\r\n\r\n",
    "no host": b"GET /v2/images HTTP/1.1\r\n\r\n",
    "method that is none": b"GE(T /v2/images HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000001fc0303") + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("malformed"), flavor="") as service:
        yield service


@pytest.mark.parametrize("what", TOO_LARGE)
def test_too_large(served: Served, what: str) -> None:
    status, request = TOO_LARGE[what]
    assert statuses(served, request) == [status]


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_ambiguous(served: Served, what: str) -> None:
    """What a proxy before us could have read in another way: nothing behind it is answered."""
    assert statuses(served, AMBIGUOUS[what] + HIDDEN) == [400]


def test_a_request_in_the_body_of_another_is_not_answered(served: Served) -> None:
    request = POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN
    last = b"GET /v2/info/stores HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert statuses(served, request + last) == [400, 200]


def test_the_longest_that_fits_is_answered(served: Served) -> None:
    close = b"Connection: close\r\n"
    assert statuses(served, LIST + close + b"X-A: " + b"a" * (LIMIT - 10) + b"\r\n\r\n") == [200]


def test_a_refusal_is_a_line_of_the_log(served: Served) -> None:
    before = len(served.log)
    assert statuses(served, AMBIGUOUS["two lengths"]) == [400]
    written = served.log[before:]
    assert "Traceback" not in written
    assert "Duplicate Content-Length" in written


def statuses(served: Served, request: bytes) -> list[int]:
    """Send it, and read until the service hangs up: the status of every answer."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        received = b""
        try:
            connection.sendall(request)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            pass  # it hung up on what it did not read
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]
