"""Clients that go away, are refused, send for ever, wait to be let in, or do not read."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest

from tests.served import Served, free_port, serve

MIB = 1 << 20
CAP = 96 * MIB
PATIENCE = 2
WHO = "X-Identity-Status: Confirmed\r\nX-Project-Id: red\r\nX-User-Id: u\r\nX-Roles: admin,member"
DATA = "Content-Type: application/octet-stream"
V1 = f"{DATA}\r\nx-image-meta-name: a\r\nx-image-meta-disk_format: raw\r\n" + (
    "x-image-meta-container_format: bare"
)
CHUNKED = "Transfer-Encoding: chunked"
NOWHERE = "X-Image-Meta-Store: nowhere"


@pytest.fixture(scope="module")
def metrics() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, metrics: str) -> Iterator[Served]:
    options = (
        f"[imagestore]\nprogress_timeout = {PATIENCE}\nmetrics_bind = {metrics}\n"
        f"[DEFAULT]\nimage_size_cap = {CAP}\n"
    )
    with serve(tmp_path_factory.mktemp("clients"), options=options) as service:
        yield service


def connect(served: Served, receive: int | None = None) -> socket.socket:
    client = socket.socket()
    if receive is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.settimeout(60)
    client.connect(("127.0.0.1", served.port))
    return client


def head(method: str, path: str, *lines: str, who: str = WHO, version: str = "1.1") -> bytes:
    given = [f"{method} {path} HTTP/{version}", "Host: x", who, *lines]
    return "\r\n".join(line for line in given if line).encode() + b"\r\n\r\n"


def answer(client: socket.socket) -> tuple[int, str]:
    """Status and head of what comes next."""
    text = b""
    while b"\r\n\r\n" not in text:
        received = client.recv(1)
        assert received, text
        text += received
    return int(text.split()[1]), text.decode()


def image_of(served: Served, data: bytes | None = None) -> str:
    body = b'{"disk_format": "raw", "container_format": "bare"}'
    with closing(connect(served)) as client:
        length = f"Content-Length: {len(body)}"
        client.sendall(head("POST", "/v2/images", length, "Connection: close") + body)
        with client.makefile("rb") as file:
            image: str = json.loads(file.read().partition(b"\r\n\r\n")[2])["id"]
        assert image
    if data is not None:
        with closing(connect(served)) as client:
            length = f"Content-Length: {len(data)}"
            client.sendall(head("PUT", f"/v2/images/{image}/file", DATA, length) + data)
            assert answer(client)[0] == 204
    return image


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def until(look: Callable[[], object], served: Served) -> None:
    end = time.monotonic() + 60
    while not look():
        assert time.monotonic() < end, served.log
        time.sleep(0.02)


HALF = "Content-Length: 16777216"
FEW = "Content-Length: 400"
SENDING = {
    "file": ("PUT", "/v2/images/{id}/file", (DATA, HALF), bytes(5 * MIB)),
    "file in chunks": ("PUT", "/v2/images/{id}/file", (DATA, CHUNKED), b"5\r\nabc"),
    "file, few bytes": ("PUT", "/v2/images/{id}/file", (DATA, FEW), b"abc"),
    "file of v2.3": ("PUT", "/v2.3/images/{id}/file", (DATA, HALF), bytes(5 * MIB)),
    "stage": ("PUT", "/v2/images/{id}/stage", (DATA, HALF), bytes(5 * MIB)),
    "v1 POST": ("POST", "/v1/images", (V1, HALF), bytes(5 * MIB)),
    "v1 PUT": ("PUT", "/v1/images/{id}", (DATA, HALF), bytes(5 * MIB)),
    "create": ("POST", "/v2/images", (FEW,), b'{"name":'),
    "change": (
        "PATCH", "/v2/images/{id}",
        ("Content-Type: application/openstack-images-v2.1-json-patch", FEW), b"[",
    ),
    "import": ("POST", "/v2/images/{id}/import", (FEW,), b'{"method":'),
    "locations": ("POST", "/v2/images/{id}/locations", (FEW,), b"{"),
    "member": ("POST", "/v2/images/{id}/members", (FEW,), b"{"),
    "namespace": ("POST", "/v2/metadefs/namespaces", (CHUNKED,), b"5\r\n{"),
    "task": ("POST", "/v2/tasks", (FEW,), b"{"),
}  # fmt: skip
"""What a client has begun to send when it goes away."""
TAKING = {
    "file": "/v2/images/{id}/file",
    "file of v1": "/v1/images/{id}",
    "file of v2.3": "/v2.3/images/{id}/file",
    "events": "/v2/events",
}


_numbers = count()


def assert_noted_once(served: Served, metrics: str, method: str, path: str, before: int) -> None:
    """One line with 499, nothing else, and the same in the metrics."""
    line = re.compile(rf"INFO imagestore.access .* {method} {re.escape(path)} 499 ")
    until(lambda: line.search(served.log[before:]), served)
    log = served.log[before:]
    assert len([each for each in log.splitlines() if path in each]) == 1, log
    assert "ERROR" not in log and "WARNING" not in log and "Traceback" not in log, log
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        counted = page.read().decode()
    assert re.search(rf'requests_total{{method="{method}",.*status="499"}}', counted)
    assert 'status="5' not in counted


@pytest.mark.parametrize("hang_up", [socket.socket.close, reset], ids=["close", "reset"])
@pytest.mark.parametrize("door", SENDING)
def test_going_away_while_sending(
    served: Served, metrics: str, door: str, hang_up: Callable[[socket.socket], None]
) -> None:
    method, path, lines, data = SENDING[door]
    path = path.format(id=image_of(served)) + f"?this={next(_numbers)}"
    before = len(served.log)
    client = connect(served)
    client.sendall(head(method, path, *lines) + data)
    time.sleep(0.05)  # whether it is read before that makes no difference
    hang_up(client)
    assert_noted_once(served, metrics, method, path, before)


@pytest.mark.parametrize("door", TAKING)
def test_going_away_while_taking(served: Served, metrics: str, door: str) -> None:
    path = TAKING[door].format(id=image_of(served, bytes(24 * MIB))) + f"?this={next(_numbers)}"
    before = len(served.log)
    client = connect(served, receive=64 << 10)
    client.sendall(head("GET", path))
    assert answer(client)[0] == 200
    reset(client)
    if door == "events":
        image_of(served)  # something to tell, to nobody
    assert_noted_once(served, metrics, "GET", path, before)


def test_going_away_without_a_token(served: Served, metrics: str) -> None:
    """Refused before the body is looked at: what the log has is the refusal, or that it is gone."""
    before, sent = len(served.log), 0
    for method, path, lines, data in SENDING.values():
        path = path.format(id="9f2c1e5e-0b7e-4d39-9e26-0d4b1c8d7a11")
        for pause in (0, 0.05):
            client = connect(served)
            client.sendall(head(method, path, *lines, who="") + data)
            time.sleep(pause)
            reset(client)
            sent += 1
    with closing(connect(served)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n")  # on the API's port, and not to its end
        reset(client)
    until(lambda: served.log[before:].count("imagestore.access") == sent, served)
    log = served.log[before:]
    assert {line.split()[9] for line in log.splitlines()} <= {"401", "499"}, log


def test_going_away_from_the_metrics(served: Served, metrics: str) -> None:
    before = len(served.log)
    host, _, port = metrics.partition(":")
    for sent in (
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHo",
        b"\0\r\n",
    ):
        client = socket.create_connection((host, int(port)))
        client.sendall(sent)
        reset(client)
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        assert page.status == 200
    assert "ERROR" not in served.log[before:]


REFUSED = {
    "file": ("PUT", "/v2/images/{id}/file", (DATA, NOWHERE), 400),
    "file by its content": ("PUT", "/v2/images/{id}/file", (DATA,), 415),
    "file of v2.3": ("PUT", "/v2.3/images/{id}/file", (DATA, NOWHERE), 400),
    "file, HTTP/1.0": ("PUT", "/v2/images/{id}/file", (DATA, NOWHERE), 400),
    "stage": ("PUT", "/v2/images/9f2c1e5e-0b7e-4d39-9e26-0d4b1c8d7a11/stage", (DATA,), 404),
    "v1 POST": ("POST", "/v1/images", (V1, "x-image-meta-store: nowhere"), 400),
    "v1 PUT": ("PUT", "/v1/images/{id}", (DATA, "x-image-meta-disk_format: none"), 400),
    "create": ("POST", "/v2/images", (), 413),
    "import": ("POST", "/v2/images/{id}/import", (), 413),
    "no such path": ("PUT", "/v2/nothing", (), 404),
    "no such method": ("PUT", "/v2/images", (), 405),
}
SIGNED = bytes(510) + b"\x55\xaa" + bytes(MIB - 512)
"""A boot sector's signature without a partition, which is refused as raw."""


@pytest.mark.parametrize("chunked", [False, True], ids=["", "chunked"])
@pytest.mark.parametrize("door", REFUSED)
def test_a_refusal_is_told_at_once(served: Served, door: str, chunked: bool) -> None:
    """While the client is still sending; and it can send all the rest, for longer than a transfer
    may stand still, and then find the answer."""
    method, path, lines, status = REFUSED[door]
    version = "1.0" if "1.0" in door else "1.1"
    size = 48
    framing = CHUNKED if chunked else f"Content-Length: {size * MIB}"
    piece = b"100000\r\n" + SIGNED + b"\r\n" if chunked else SIGNED
    with closing(connect(served)) as client:
        path = path.format(id=image_of(served))
        client.sendall(head(method, path, *lines, framing, version=version))
        sent = 0
        while sent < 12:  # JSON is refused for its length, after 8 MiB if that is not told
            client.sendall(piece)
            sent += 1
        assert client.recv(9, socket.MSG_PEEK) == f"HTTP/{version} ".encode()
        for _ in range(4):
            time.sleep(PATIENCE / 3)
            client.sendall(piece * 9)
        if chunked:
            client.sendall(b"0\r\n\r\n")
        with client.makefile("rb") as file:  # to its end, which is no reset
            whole = file.read()
    assert int(whole.split()[1]) == status, whole
    assert b"\r\nConnection: close\r\n" in whole or version == "1.0"


@pytest.mark.parametrize("door", REFUSED)
def test_who_waits_to_be_let_in_is_refused_instead(served: Served, door: str) -> None:
    method, path, lines, status = REFUSED[door]
    if door == "file by its content":
        return
    with closing(connect(served)) as client:
        path = path.format(id=image_of(served))
        expect = ("Expect: 100-continue", f"Content-Length: {48 * MIB}")
        client.sendall(head(method, path, *lines, *expect))
        found, text = answer(client)
        assert (found, "Connection: close" in text) == (status, True)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("size", [100, 5 * MIB])
def test_who_waits_is_let_in(served: Served, size: int, version: str) -> None:
    """A client of HTTP/1.0 cannot understand it, and does not wait."""
    path = f"/v2/images/{image_of(served)}/file"
    with closing(connect(served)) as client:
        expect = ("Expect: 100-continue", f"Content-Length: {size}")
        client.sendall(head("PUT", path, DATA, *expect, version=version))
        if version == "1.1":
            assert answer(client)[0] == 100
        client.sendall(bytes(size))
        assert answer(client)[0] == 204
    body = b'{"name": "x"}'
    with closing(connect(served)) as client:
        expect = ("Expect: 100-continue", f"Content-Length: {len(body)}")
        client.sendall(head("POST", "/v2/images", *expect, version=version))
        if version == "1.1":
            assert answer(client)[0] == 100
        client.sendall(body)
        assert answer(client)[0] == 201


def test_a_refused_client_that_sends_nothing_more_is_let_go(served: Served) -> None:
    path = f"/v2/images/{image_of(served)}/file"
    for framing in (f"Content-Length: {48 * MIB}", CHUNKED):
        with closing(connect(served)) as client, client.makefile("rb") as file:
            client.sendall(head("PUT", path, DATA, NOWHERE, framing))
            assert file.read().split()[1] == b"400"


@pytest.mark.parametrize("framing", [CHUNKED, f"Content-Length: {1 << 50}"])
def test_a_refused_client_that_sends_for_ever_comes_to_an_end(served: Served, framing: str) -> None:
    """As soon as it has sent as much as any image may have; what it sends is not kept."""
    path = f"/v2/images/{image_of(served)}/file"
    piece, sent = b"100000\r\n" + SIGNED + b"\r\n", 0
    with closing(connect(served)) as client:
        before = resident(served)
        client.sendall(head("PUT", path, DATA, NOWHERE, framing))
        with pytest.raises(OSError):
            while sent < 10 * CAP:
                client.sendall(piece)
                sent += MIB
                if sent == CAP // 2:
                    assert resident(served) - before < 16 * MIB
    assert CAP <= sent < CAP + 32 * MIB


def test_what_follows_a_small_refused_body_is_answered(served: Served) -> None:
    with closing(connect(served)) as client:
        refused = head("POST", "/v2/nothing", "Content-Length: 1000") + bytes(1000)
        client.sendall(refused + head("GET", "/v2/schemas/image", "Connection: close"))
        with client.makefile("rb") as file:
            assert re.findall(rb"HTTP/1.1 (\d+)", file.read()) == [b"404", b"200"]


PARTS = [
    ("PUT", "/v2/images/{id}/file", DATA), ("PUT", "/v2/images/{id}/stage", DATA),
    ("POST", "/v1/images", V1), ("PUT", "/v1/images/{id}", DATA),
]  # fmt: skip


@pytest.mark.parametrize("size", [5, 5 * MIB])
@pytest.mark.parametrize(("method", "path", "lines"), PARTS)
def test_a_part_is_not_taken_for_the_whole(
    served: Served, method: str, path: str, lines: str, size: int
) -> None:
    """What curl sends to resume an upload."""
    image = image_of(served)
    part = f"Content-Range: bytes 10-{10 + size - 1}/{10 + size}"
    with closing(connect(served)) as client, client.makefile("rb") as file:
        request = head(
            method, path.format(id=image), lines, part, f"Content-Length: {size}",
            "Connection: close",
        )  # fmt: skip
        client.sendall(request + bytes(size))
        whole = file.read()
    assert whole.split()[1] == b"400"
    assert b"Content-Range" in whole.partition(b"\r\n\r\n")[2]
    assert not list(served.stores["file1"].glob(image))


def resident(served: Served) -> int:
    """Bytes of memory of the worker."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{worker(served)}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def worker(served: Served) -> int:
    return served.workers()[0]


def turns(served: Served) -> int:
    """How often the event loop has gone to sleep so far."""
    pid = worker(served)
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
    found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("size", [1, 8 * MIB])
def test_who_does_not_read_costs_nothing_and_is_hung_up_on(served: Served, size: int) -> None:
    """The head of each next response waits behind what was not read of the ones before."""
    path = f"/v2/images/{image_of(served, bytes(size))}/file"
    calm = turns(served)
    time.sleep(1)
    calm = turns(served) - calm
    before = len(served.log)
    clients = [connect(served, receive=4 << 10) for _ in range(8)]
    for client in clients:
        client.settimeout(0.1)
        with suppress(TimeoutError):
            client.sendall(head("GET", path) * 20_000)
        client.settimeout(60)
    for client in clients:
        client.recv(1, socket.MSG_PEEK)

    def hung_up_on() -> int:
        return served.log[before:].count("is hung up on")

    # It answers until nothing more goes out. Then, as long as it waits for all of them, it is calm:
    # polling every millisecond would be a thousand turns a second for each.
    while True:
        start, moment = turns(served), time.monotonic()
        time.sleep(0.5)
        if turns(served) - start < 5 * calm + 100 * (time.monotonic() - moment):
            break
        assert hung_up_on() < len(clients), "never calm while somebody did not read"
    until(lambda: hung_up_on() == len(clients), served)
    for client in clients:
        with closing(client), suppress(ConnectionError):
            while client.recv(MIB):
                pass
