"""The load generators against a real server: what they count is what was served."""

from __future__ import annotations

import http.server
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load import crowd
from benchmarks.load.generator import Generator

pytestmark = pytest.mark.slow

PAYLOAD = bytes(range(256)) * 4096


class Handler(http.server.BaseHTTPRequestHandler):
    """GET gives the payload, PUT says what came, POST names a new place, /missing is not there."""

    protocol_version = "HTTP/1.1"
    received: list[int]

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.answer(200, PAYLOAD)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, b"", Location="http://127.0.0.1/things/1")

    def do_PUT(self) -> None:
        count = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                count += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            count = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append(count)
        self.answer(204 if self.path == "/things/1/file" else 404, b"")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    Handler.received = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def address(server: http.server.ThreadingHTTPServer) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": server.server_address[1], "headers": {}}


def test_downloads_count_every_byte(server: http.server.ThreadingHTTPServer) -> None:
    job = {**address(server), "download": ["/a", "/b"], "repeat": 3}
    result = Generator("bulk", job).run()
    assert result["bytes"] == 6 * len(PAYLOAD)
    assert result["failures"] == []


@pytest.mark.parametrize("chunked", [False, True])
def test_uploads_arrive_whole(
    server: http.server.ThreadingHTTPServer, tmp_path: Path, chunked: bool
) -> None:
    source = tmp_path / "source"
    framed = b"%x\r\n%b\r\n" % (len(PAYLOAD), PAYLOAD)
    source.write_bytes(framed if chunked else PAYLOAD)
    job = {
        **address(server),
        "upload": ["/things/1/file"],
        "body": str(source),
        "size": len(PAYLOAD),
        "chunked": chunked,
    }
    assert Generator("bulk", job).run()["failures"] == []
    assert Handler.received == [len(PAYLOAD)]


def test_a_refused_upload_is_a_failure(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(PAYLOAD)
    job = {**address(server), "upload": ["/elsewhere"], "body": str(source)}
    assert "404" in Generator("bulk", job).run()["failures"][0]


def test_a_unit_of_two_requests_follows_the_location(
    server: http.server.ThreadingHTTPServer,
) -> None:
    flow = [
        {"method": "POST", "path": "/things", "body": "{}"},
        {"method": "PUT", "path": "{location}/file", "size": 1000},
    ]
    job = {**address(server), "flow": flow, "clients": 2, "count": 10, "seconds": 30}
    result = Generator("requests", job).run()
    assert (result["units"], result["failures"]) == (10, {})
    assert result["locations"] == ["/things/1"] * 10
    assert Handler.received == [1000] * 10


def test_a_rate_is_kept_and_large_bodies_are_read(
    server: http.server.ThreadingHTTPServer,
) -> None:
    flow = [{"method": "GET", "path": "/a"}]
    job = {**address(server), "flow": flow, "clients": 4, "rate": 50, "seconds": 0.5}
    result = Generator("requests", job).run()
    assert 20 <= result["units"] <= 26
    assert 0 < result["p50"] <= result["p99"]


def test_refused_requests_are_counted_by_status(server: http.server.ThreadingHTTPServer) -> None:
    flow = [{"method": "GET", "path": "/missing"}]
    job = {**address(server), "flow": flow, "clients": 1, "count": 3, "seconds": 30}
    assert Generator("requests", job).run()["failures"] == {"404": 3}


def test_slow_downloads_advance_at_their_rate(server: http.server.ThreadingHTTPServer) -> None:
    job = {**address(server), "path": "/a", "clients": 3, "rate": 32768, "seconds": 1.2}
    result = Generator("slow", job).run()
    assert (result["answered"], result["advancing"]) == (3, 3)
    assert 3 * 20_000 < result["bytes"] <= 3 * 40_000


def test_a_crowd_counts_every_byte_and_compares_each_piece(
    server: http.server.ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = random.Random(1).randbytes(6 * crowd.PIECE + 77)
    body = tmp_path / "body"
    body.write_bytes(image)
    job = {**address(server), "path": "/a", "clients": 8, "every": 4, "body": str(body)}
    monkeypatch.setattr(f"{__name__}.PAYLOAD", image)
    result = Generator("crowd", job).run()
    assert result["failures"] == []
    assert result["bytes"] == 8 * len(image)
    assert result["compared"] >= 2 * len(image)
    assert 0 < result["first"] <= result["elapsed"]
    # Wherever a byte is wrong, two of the eight see it; and all see that the last is missing.
    for place in (0, 2 * crowd.PIECE + 5, len(image) - 1):
        wrong = image[:place] + bytes([image[place] ^ 1]) + image[place + 1 :]
        monkeypatch.setattr(f"{__name__}.PAYLOAD", wrong)
        assert len(Generator("crowd", job).run()["failures"]) >= 2
    monkeypatch.setattr(f"{__name__}.PAYLOAD", image[:-1])
    assert len(Generator("crowd", job).run()["failures"]) == 8


def test_slow_uploads_advance_at_their_rate(server: http.server.ThreadingHTTPServer) -> None:
    paths = ["/things/1/file"] * 3
    job = {**address(server), "upload": paths, "size": 100_000, "clients": 3, "rate": 4000}
    result = Generator("slow", {**job, "every": 2, "seconds": 1.2}).run()
    assert (result["connected"], result["stopped_by"], result["advancing"]) == (3, "", 3)
    assert 3 * 2000 < result["bytes"] <= 3 * 4800


def test_connections_idle_and_answer_again(server: http.server.ThreadingHTTPServer) -> None:
    job = {**address(server), "path": "/a", "clients": 10}
    result = Generator("idle", job).run()
    assert (result["connected"], result["stopped_by"], result["kept"]) == (10, "", 10)


def test_what_stops_a_crowd_is_told(server: http.server.ThreadingHTTPServer) -> None:
    result = Generator("idle", {**address(server), "path": "/missing", "clients": 10}).run()
    assert (result["connected"], result["kept"]) == (0, 0)
    assert result["stopped_by"].startswith("ConnectionError")


def test_files_are_flushed_when_all_is_answered(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(PAYLOAD)
    job = {**address(server), "upload": ["/things/1/file"], "body": str(source)}
    result = Generator("bulk", {**job, "flush": [str(source)]}).run()
    assert result["failures"] == []
    assert result["flushed"] > result["elapsed"]
