"""The service on real remote stores whose servers stop in the middle of something."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.config.settings import StoreAccess, Stores, StoreSection
from imagestore.database import journal, locations
from imagestore.model.image import Location
from tests.backends.rbd.conftest import _missing as ceph_is_missing
from tests.backends.swift.conftest import require_swift
from tests.service.conftest import Person, Service, Start
from tests.service.faults import database
from tests.services import ceph, radosgw, swift

MIB = 1 << 20
ACCESS = StoreAccess(
    call_timeout=3.0, progress_timeout=3.0, retries=0, failures=1000, probe_interval=0.5
)
LONGEST = 25.0
"""Seconds within which every request must be answered: its time-outs, and cleaning up."""
DATA = os.urandom(1000) * (96 * MIB // 1000)


@dataclass(frozen=True, slots=True)
class Remote:
    """A store on a server of the test's own, which ``pid`` stops."""

    type: str
    options: dict[str, Any]
    pid: int

    @contextmanager
    def stopped(self) -> Iterator[Callable[[], None]]:
        """Stopped by the call, and continued at the end."""
        try:
            yield lambda: os.kill(self.pid, signal.SIGSTOP)
        finally:
            os.kill(self.pid, signal.SIGCONT)


def on_ceph(directory: Path) -> Iterator[Remote]:
    _require(ceph_is_missing() is None)
    cluster = ceph.start(directory / "ceph")
    options = {
        "rbd_store_ceph_conf": str(cluster.conf),
        "rbd_store_user": ceph.USER,
        "rbd_store_pool": ceph.POOL,
        "rbd_store_timeout": 3,
    }
    try:
        yield Remote("rbd", options, cluster.osd_pid)
    finally:
        cluster.stop()


def on_gateway(directory: Path) -> Iterator[Remote]:
    _require(ceph_is_missing() is None and radosgw.available())
    cluster = ceph.start(directory / "ceph")
    gateway = radosgw.start(directory / "radosgw", cluster)
    options = {
        "s3_store_host": gateway.url,
        "s3_store_access_key": radosgw.ACCESS,
        "s3_store_secret_key": radosgw.SECRET,
        "s3_store_bucket": "images",
        "s3_store_create_bucket_on_put": True,
        "s3_store_bucket_url_format": "path",
        "s3_store_timeout": 3.0,
    }
    try:
        yield Remote("s3", options, gateway.pid)
    finally:
        gateway.stop()
        cluster.stop()


def on_swift(directory: Path) -> Iterator[Remote]:
    require_swift()
    server = swift.start(directory / "swift", node_timeout=3)
    options = {
        "swift_store_auth_address": server.auth_url,
        "swift_store_auth_version": "1",
        "swift_store_user": "service:glance",
        "swift_store_key": swift.USERS["service:glance"][0],
        "swift_store_container": "images",
        "swift_store_create_container_on_put": True,
        "swift_store_large_object_size": 8,
        "swift_store_large_object_chunk_size": 8,
        "swift_store_timeout": 3.0,
    }
    try:
        yield Remote("swift", options, server.server("proxy"))
    finally:
        server.stop()


def _require(there: bool) -> None:
    if not there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Ceph is not installed")


@pytest.fixture(params=[on_ceph, on_gateway, on_swift], ids=["rbd", "s3", "swift"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remote]:
    yield from request.param(tmp_path)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'db.sqlite'}"


@pytest.fixture
async def service(start: Start, tmp_path: Path, remote: Remote) -> Service:
    """The remote store is the better one; there is one of files beside it."""
    sections = (
        StoreSection("remote", remote.type, remote.options, weight=1, access=ACCESS),
        StoreSection("file1", "file", {"filesystem_store_datadir": str(tmp_path / "file1")}),
    )
    return await start(stores=Stores(sections, "remote", multiple=True))


async def body(step: int, after: int, then: Callable[[], None]) -> AsyncIterator[bytes]:
    """The data in blocks of ``step`` bytes; ``then`` is called before the one at ``after``."""
    for begin in range(0, len(DATA), step):
        if begin // step == after // step:
            then()
        yield DATA[begin : begin + step]


async def cleaned(service: Service) -> None:
    """Recovery has found nothing more to do."""
    async with asyncio.timeout(4 * LONGEST):
        while await database(service).read(journal.entries):
            await service.client.app[keys.catalog].recovery.run()
            await asyncio.sleep(0.5)


async def test_a_download_goes_on_with_the_other_copy(
    service: Service, alice: Person, remote: Remote
) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, DATA) == 204
    copy = service.settings.data_dir / "file1" / image
    copy.write_bytes(DATA)
    location = Location(f"file://{copy}", {"store": "file1"})
    await database(service).write(locations.add, image, location)
    assert (await alice.show(image))["stores"] == "remote,file1"

    with remote.stopped() as stop:
        async with asyncio.timeout(2 * LONGEST):
            answer = await alice("GET", f"/v2/images/{image}/file")
            assert answer.status == 200
            got = bytearray(await answer.content.read(MIB))
            stop()
            async for chunk in answer.content.iter_any():
                got += chunk
    assert got == DATA


async def test_an_upload_fails_cleanly(service: Service, alice: Person, remote: Remote) -> None:
    image = (await alice.create())["id"]
    with remote.stopped() as stop:
        async with asyncio.timeout(LONGEST):
            assert await alice.upload(image, body(MIB, 40 * MIB, stop)) == 503
        shown = await alice.show(image)
        assert (shown["status"], shown["size"], shown.get("stores")) == ("queued", None, None)
    await cleaned(service)
    assert await alice.upload(image, DATA[: 9 * MIB]) == 204
    answer = await alice("GET", f"/v2/images/{image}/file")
    assert await answer.read() == DATA[: 9 * MIB]


async def test_no_request_hangs(service: Service, alice: Person, remote: Remote) -> None:
    admin = service.person("ops", "admin,member,reader")
    kept, gone, new = [(await alice.create())["id"] for _ in range(3)]
    for image in (kept, gone):
        assert await alice.upload(image, DATA[: 2 * MIB]) == 204
    expected = {
        ("GET", "/v2/images"): 200,
        ("GET", f"/v2/images/{kept}"): 200,
        ("PUT", f"/v2/images/{kept}/tags/x"): 204,
        ("GET", "/v2/info/stores/detail"): 200,
        ("GET", f"/v2/images/{kept}/file"): 503,
        ("PUT", f"/v2/images/{new}/file"): 503,
        ("DELETE", f"/v2/images/{gone}"): 503,
        ("GET", "/readiness"): 503,
    }
    answered = {}
    with remote.stopped() as stop:
        stop()
        for method, path in expected:
            data = {"data": DATA[: 9 * MIB]} if path.endswith(f"{new}/file") else {}
            octets = {"Content-Type": "application/octet-stream"} if data else {}
            async with asyncio.timeout(LONGEST):
                answer = await admin(method, path, headers=octets, **data)
                answered[method, path] = answer.status
    assert answered == expected
    await cleaned(service)
    answer = await alice("GET", f"/v2/images/{kept}/file")
    assert await answer.read() == DATA[: 2 * MIB]
    assert (await alice("GET", f"/v2/images/{gone}")).status == 404
