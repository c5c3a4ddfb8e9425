"""A real Glance and imagestore at once, over one MariaDB and the same directories of files."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.conformance.client import Client
from tests.conformance.normalise import Answer
from tests.e2e.test_takeover import ADMIN, BYTES, JSON, OWNER, run_imagestore
from tests.services import glance, process


@dataclass(frozen=True)
class Service:
    """One of the two, asked by callers ``user:project:role``; safe among threads."""

    url: str

    def __call__(
        self,
        method: str,
        path: str,
        *,
        caller: str = OWNER,
        body: bytes | object | None = None,
        headers: dict[str, str] = JSON,
    ) -> Answer:
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        with Client(self.url) as client:
            return client.ask(method, path, {**trusted(caller), **headers}, data)

    def json(self, path: str, caller: str = OWNER) -> Any:
        return orjson.loads(self("GET", path, caller=caller).body)

    def status(self, image: str) -> str:
        """Of an image; empty if there is none."""
        answer = self("GET", f"/v2/images/{image}")
        return str(orjson.loads(answer.body)["status"]) if answer.status == 200 else ""

    def create(self, **fields: Any) -> str:
        fields = {"disk_format": "raw", "container_format": "bare", **fields}
        answer = self("POST", "/v2/images", body=fields)
        assert answer.status == 201, answer
        return str(orjson.loads(answer.body)["id"])

    def upload(self, image: str, data: bytes) -> int:
        return self("PUT", f"/v2/images/{image}/file", body=data, headers=BYTES).status

    def image(self, data: bytes, **fields: Any) -> str:
        made = self.create(**fields)
        assert self.upload(made, data) == 204
        return made

    def data(self, image: str) -> bytes | None:
        answer = self("GET", f"/v2/images/{image}/file")
        return answer.body if answer.status == 200 else None

    def ask_import(self, image: str, method: str, **more: Any) -> int:
        """``more``: of the body; ``uri``: of the method."""
        how = {"name": method, **({"uri": more.pop("uri")} if "uri" in more else {})}
        body = {"method": how, **more}
        return self("POST", f"/v2/images/{image}/import", body=body, caller=ADMIN).status

    def delete(self, image: str) -> int:
        return self("DELETE", f"/v2/images/{image}").status


def trusted(caller: str) -> dict[str, str]:
    user, project, role = caller.split(":")
    return {
        "X-Auth-Token": caller,  # Glance's test filter reads this one
        "X-Identity-Status": "Confirmed",
        "X-User-Id": user,
        "X-Project-Id": project,
        "X-Roles": role,
    }


class SlowUpload:
    """An upload whose second half comes when it is told to."""

    def __init__(self, service: Service, image: str, data: bytes, what: str = "file") -> None:
        self._rest = data[len(data) // 2 :]
        self._connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
        self._connection.putrequest("PUT", f"/v2/images/{image}/{what}")
        for name, value in {**trusted(OWNER), **BYTES, "Content-Length": str(len(data))}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        self._connection.send(data[: len(data) // 2])
        status = "saving" if what == "file" else "uploading"
        until(lambda: service.status(image) == status)

    def finish(self) -> int:
        """The status of the answer; 0 if there was none."""
        try:
            self._connection.send(self._rest)
            return self._connection.getresponse().status
        except OSError:
            return 0
        finally:
            self._connection.close()

    def break_off(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Pair:
    """Glance and imagestore beside each other. ``stores``: by id, the directories of both."""

    glance: Service
    ours: Service
    directory: Path

    @property
    def both(self) -> tuple[Service, Service]:
        return self.glance, self.ours

    def each_way(self) -> tuple[tuple[Service, Service], tuple[Service, Service]]:
        return (self.glance, self.ours), (self.ours, self.glance)

    def files(self, store: str = "file1") -> set[str]:
        return {path.name for path in (self.directory / store).iterdir() if path.is_file()}

    def run_glance(self, *command: str) -> None:
        """One of Glance's programs, with the configuration of both."""
        program, *arguments = command
        config = ["--config-file", str(self.directory / "etc/glance-api.conf")]
        words = [glance.venv() / "bin" / program, *config, *arguments]
        subprocess.run(words, check=True, capture_output=True, timeout=120)

    def run_imagestore(self, *command: str) -> None:
        """One of ours."""
        files = ("etc/glance-api.conf", f"site-{urlsplit(self.ours.url).port}.conf")
        config = [word for name in files for word in ("--config-file", self.directory / name)]
        words = [sys.executable, "-m", "imagestore", *command, *config]
        subprocess.run(words, check=True, capture_output=True, timeout=120)


@contextmanager
def reading(service: Service, image: str) -> Iterator[Callable[[], bytes]]:
    """A download whose first bytes have come; what is called is answered with all of it."""
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    connection.request("GET", f"/v2/images/{image}/file", headers=trusted(OWNER))
    answer = connection.getresponse()
    assert answer.status == 200
    first = answer.read(1 << 16)
    try:
        yield lambda: first + answer.read()
    finally:
        connection.close()


class Source:
    """A web server that gives the second half of what it has when it is told to."""

    def __init__(self, data: bytes) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
                source.go_on.wait(60)
                self.wfile.write(data[len(data) // 2 :])

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/image"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@contextmanager
def beside(directory: Path, database: str, options: glance.Options | None = None) -> Iterator[Pair]:
    """``database``: the URL of an empty one of MariaDB; Glance makes its tables, then we ours.

    Each is a node of its own: its address, its cache and its place for staged bytes.
    """
    directory = directory.resolve()
    glance.venv_with_drivers()
    options = {name: dict(values) for name, values in (options or {}).items()}
    options.setdefault("DEFAULT", {})["image_cache_dir"] = str(directory / "their-cache")
    options["paste_deploy"] = {"flavor": "tokens+cachemanagement"}
    options["oslo_concurrency"] = {"lock_path": str(directory)}
    port = process.free_port()
    site = (
        f"[DEFAULT]\nworker_self_reference_url = http://127.0.0.1:{port}\n"
        f"image_cache_dir = {directory}/our-cache\n"
        "[paste_deploy]\nflavor = trusted-headers+cachemanagement\n"
        f"[os_glance_staging_store]\nfilesystem_store_datadir = {directory}/our-staging\n"
    )
    running = glance.start(directory, database=database, threads=16, options=options)
    with ExitStack() as stack:
        stack.callback(running.stop)
        ours = stack.enter_context(run_imagestore(directory, site, port))
        yield Pair(Service(running.url), Service(ours.url), directory)
