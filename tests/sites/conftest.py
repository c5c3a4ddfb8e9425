"""A real Glance and a served imagestore, to which images are carried by the command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from imagestore import app
from imagestore.config.settings import Identity
from tests.service.conftest import AppServer, settings_in
from tests.services import glance as glance_service
from tests.services import programs

TOKEN = "root:ops:admin,member,reader"
"""For Glance, whose tokens say who it is; imagestore asks nobody here."""
PATCH = "application/openstack-images-v2.1-json-patch"


@dataclass
class Api:
    """An Images API, as an administrator uses it."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, **arguments: Any) -> requests.Response:
        headers = {**self.headers, **arguments.pop("headers", {})}
        answer = requests.request(
            method, f"{self.url}/v2/{path}", headers=headers, timeout=60, **arguments
        )
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer

    def add(self, data: bytes | None = None, **fields: Any) -> str:
        """A new image with that data, or without any."""
        draft = {"disk_format": "raw", "container_format": "bare", **fields}
        image_id = str(self("POST", "images", json=draft).json()["id"])
        if data is not None:
            octets = {"Content-Type": "application/octet-stream"}
            self("PUT", f"images/{image_id}/file", data=data, headers=octets)
        return image_id

    def show(self, image_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self("GET", f"images/{image_id}").json()
        return shown

    def data(self, image_id: str) -> bytes:
        return self("GET", f"images/{image_id}/file").content

    def patch(self, image_id: str, *operations: dict[str, Any]) -> None:
        self("PATCH", f"images/{image_id}", json=list(operations), headers={"Content-Type": PATCH})

    def ids(self) -> set[str]:
        found = set()
        for hidden in ("true", "false"):
            parameters = {"limit": "1000", "visibility": "all", "os_hidden": hidden}
            listed = self("GET", "images", params=parameters).json()["images"]
            found |= {image["id"] for image in listed}
        return found

    def members(self, image_id: str) -> dict[str, str]:
        listed = self("GET", f"images/{image_id}/members").json()["members"]
        return {member["member_id"]: member["status"] for member in listed}


LOCAL = frozenset(
    {"created_at", "updated_at", "self", "file", "schema", "stores", "direct_url", "locations"}
)
"""What an image has of its site."""


def described(image: dict[str, Any]) -> dict[str, Any]:
    """What has to be equal at two sites."""
    shown = {name: value for name, value in image.items() if name not in LOCAL}
    # Glance does not measure raw images.
    del shown["virtual_size"]
    return shown | {"tags": sorted(shown["tags"])}


def content(size: int, seed: int = 0) -> bytes:
    return hashlib.shake_128(b"%d" % seed).digest(size)


def new_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def glance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    running = glance_service.start(tmp_path_factory.mktemp("glance"))
    yield Api(running.url, {"X-Auth-Token": TOKEN})
    running.stop()


@dataclass(frozen=True)
class Site:
    url: str
    port: int


@contextmanager
def site_in(directory: Path) -> Iterator[Site]:
    """An imagestore of which everyone is an administrator, in a thread: here it is only asked."""
    directory.mkdir()
    settings = settings_in(directory, identity=Identity(flavor=""))
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def run() -> None:
        ended = asyncio.Event()
        async with AppServer(app.create(settings)) as server:
            end = partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set)
            started.set_result((server.port or 0, end))
            await ended.wait()

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, run())
        wait([running, started], return_when=FIRST_COMPLETED)
        if running.done():
            running.result()
        port, end = started.result()
        try:
            yield Site(f"http://127.0.0.1:{port}", port)
        finally:
            end()
            running.result()


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path / "ours") as site:
        yield site


def start_replicate(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "imagestore", "site", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def replicate(*arguments: str, code: int = 0) -> str:
    """The output of the command, which has to end with ``code``."""
    done = programs.run([programs.BIN / "imagestore", "site", *arguments])
    output, errors = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, (output, errors)
    return output if code == 0 or output else errors


def outcome(*arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(replicate(*arguments, "--json", code=code))
    return found
