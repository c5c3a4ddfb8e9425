"""Imports from another region, which a real Keystone knows, with the token of the caller."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from imagestore import app
from imagestore.api import keys
from imagestore.config.settings import Images, Jobs, Limits
from imagestore.model.job import ENDED, Job
from tests.service.conftest import DRAFT, OCTETS, Service, Start, settings_in
from tests.service.test_keystone import identity
from tests.services.keystone import Keystone

METHODS = Images(
    enabled_import_methods=("glance-direct", "web-download", "copy-image", "glance-download")
)
DATA = os.urandom((2 << 20) + 17)
ELSEWHERE = "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c"


@dataclass
class Person:
    """A client with a token."""

    client: TestClient[Any, Any]
    token: str

    async def __call__(self, method: str, path: str, **arguments: Any) -> tuple[int, Any]:
        headers = {"X-Auth-Token": self.token, **arguments.pop("headers", {})}
        async with self.client.request(method, path, headers=headers, **arguments) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(body) if is_json and body else body

    async def create(self, **draft: Any) -> str:
        status, image = await self("POST", "/v2/images", json=DRAFT | draft)
        assert status == 201, image
        return str(image["id"])

    async def show(self, image: str) -> dict[str, Any]:
        status, shown = await self("GET", f"/v2/images/{image}")
        assert status == 200, shown
        return dict(shown)

    async def download_from(self, region: str, source: str, image: str, **more: Any) -> None:
        method = {"name": "glance-download", "glance_region": region, "glance_image_id": source}
        body = {"method": method, **more}
        status, answer = await self("POST", f"/v2/images/{image}/import", json=body)
        assert status == 202, answer

    async def ended(self, image: str) -> dict[str, Any]:
        """The task of the import, when it has ended."""
        async with asyncio.timeout(120):
            while True:
                _, answer = await self("GET", f"/v2/images/{image}/tasks")
                (task,) = answer["tasks"]
                if task["status"] in ("success", "failure"):
                    return dict(task)
                await asyncio.sleep(0.05)


@pytest.fixture
async def there(tmp_path: Path, keystone: Keystone) -> AsyncIterator[Service]:
    """An imagestore of another region."""
    (tmp_path / "there").mkdir()
    settings = settings_in(tmp_path / "there", identity=identity(keystone))
    client: TestClient[Any, Any] = TestClient(TestServer(app.create(settings)))
    await client.start_server()
    yield Service(client, settings)
    await client.close()


@pytest.fixture
async def region(there: Service, keystone: Keystone) -> str:
    return await asyncio.to_thread(keystone.region, str(there.client.make_url("/")))


async def source(there: Service, token: str, data: bytes = DATA, **draft: Any) -> str:
    """An image over there."""
    owner = Person(there.client, token)
    image = await owner.create(disk_format="raw", container_format="bare", **draft)
    status, _ = await owner("PUT", f"/v2/images/{image}/file", data=data, headers=OCTETS)
    assert status == 204
    return image


async def jobs_of(service: Service) -> list[Job]:
    return await service.client.app[keys.catalog].jobs.list(kind="import")


async def test_into_all_stores(
    start: Start, there: Service, region: str, keystone: Keystone
) -> None:
    here = await start(identity=identity(keystone), images=METHODS)
    token = keystone.token("member")
    original = await source(
        there, token, hw_cpu_cores="5", os_distro="rhel", speed="88mph", **{"trait:SSD": "required"}
    )
    alice = Person(here.client, token)
    image = await alice.create(
        disk_format="iso", container_format="ovf", hw_cpu_cores="1", color="blue"
    )
    await alice.download_from(region.upper(), original, image, all_stores=True)
    task = await alice.ended(image)
    assert task["status"] == "success", task
    shown, wanted = await alice.show(image), await Person(there.client, token).show(original)
    for name in ("disk_format", "container_format", "size", "os_hash_value", "checksum"):
        assert shown[name] == wanted[name], name
    taken = {name: shown.get(name) for name in ("hw_cpu_cores", "os_distro", "trait:SSD")}
    assert taken == {"hw_cpu_cores": "5", "os_distro": "rhel", "trait:SSD": "required"}
    assert (shown["color"], shown["status"]) == ("blue", "active")
    assert "speed" not in shown
    assert sorted(shown["stores"].split(",")) == ["file1", "file2"]
    assert await alice("GET", f"/v2/images/{image}/file") == (200, DATA)
    assert not any((here.settings.data_dir / "staging").iterdir())
    assert token not in json.dumps(task)
    (job,) = await jobs_of(here)
    assert job.payload["token"] == ""


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_what_is_not_understood(start: Start, keystone: Keystone) -> None:
    here = await start(identity=identity(keystone), images=METHODS)
    alice = Person(here.client, keystone.token("member"))
    image = await alice.create()
    good = {"name": "glance-download", "glance_region": "x", "glance_image_id": ELSEWHERE}
    for changes in (
        {"glance_region": None},
        {"glance_region": 7},
        {"glance_image_id": None},
        {"glance_image_id": ["x"]},
        {"glance_image_id": "foo"},
        {"glance_image_id": f"{ELSEWHERE}/../../v2/tasks"},
        {"glance_service_interface": {}},
    ):
        method = {name: value for name, value in (good | changes).items() if value is not None}
        path = f"/v2/images/{image}/import"
        status, answer = await alice("POST", path, json={"method": method})
        assert status == 400, (changes, answer)
    assert (await alice.show(image))["status"] == "queued"
    _, answer = await alice("GET", "/v2/info/import")
    assert "glance-download" in answer["import-methods"]["value"]


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_what_is_not_there(
    start: Start, there: Service, region: str, keystone: Keystone
) -> None:
    here = await start(identity=identity(keystone), images=METHODS)
    alice, token = Person(here.client, keystone.token("member")), keystone.token("other")
    private = await source(there, token, visibility="private")
    queued = await Person(there.client, alice.token).create()
    cases = [
        (region, ELSEWHERE, "The source cannot be read", {}),
        (region, private, "The source cannot be read", {}),
        (region, queued, "has to be active", {}),
        ("nowhere", ELSEWHERE, "There is no public endpoint", {}),
        (region, ELSEWHERE, "interface is one of", {"glance_service_interface": "not one"}),
    ]
    for where, which, reason, more in cases:
        image = await alice.create(hw_cpu_cores="1")
        method = {
            "name": "glance-download", "glance_region": where, "glance_image_id": which, **more,
        }  # fmt: skip
        status, _ = await alice("POST", f"/v2/images/{image}/import", json={"method": method})
        assert status == 202
        task = await alice.ended(image)
        assert task["status"] == "failure"
        assert reason in task["message"], (reason, task)
        shown = await alice.show(image)
        assert (shown["status"], shown["hw_cpu_cores"]) == ("queued", "1")
        assert shown["os_glance_failed_import"] == "file1"
    assert here.files() == set()
    assert [job.payload["token"] for job in await jobs_of(here)] == [""] * len(cases)


async def test_the_token_waits_sealed(
    start: Start, there: Service, region: str, keystone: Keystone, tmp_path: Path
) -> None:
    """The process that took the import is gone; another one goes on with it."""
    first = await start(identity=identity(keystone), images=METHODS, jobs=Jobs(workers=0))
    tokens = [keystone.token("member") for _ in range(4)]
    original = await source(there, tokens[0])
    images = []
    for token in tokens:
        alice = Person(first.client, token)
        images.append(await alice.create())
        await alice.download_from(region, original, images[-1])
    waiting = await jobs_of(first)
    assert len(waiting) == len({job.payload["token"] for job in waiting}) == 4
    written = json.dumps([dict(job.payload) for job in waiting])
    assert all(job.payload["token"] for job in waiting)
    assert not any(token in written for token in tokens)
    for path in tmp_path.rglob("db.sqlite*"):
        assert not any(token.encode() in path.read_bytes() for token in tokens)
    # One token is not good any more, one image is not wanted any more.
    await asyncio.to_thread(keystone.revoke, tokens[1])
    status, _ = await Person(first.client, tokens[2])("DELETE", f"/v2/images/{images[2]}")
    assert status == 204
    await first.client.close()
    second = await start(identity=identity(keystone), images=METHODS)
    alice = Person(second.client, keystone.token("member"))
    assert (await alice.ended(images[0]))["status"] == "success"
    assert (await alice.ended(images[3]))["status"] == "success"
    task = await alice.ended(images[1])
    assert (task["status"], task["message"]) == ("failure", "The token is not valid any more.")
    # A task ends in the transaction that makes the image active, its job just after that.
    async with asyncio.timeout(60):
        while any(job.state not in ENDED for job in await jobs_of(second)):
            await asyncio.sleep(0.05)
    jobs = await jobs_of(second)
    assert sorted(job.state.value for job in jobs) == ["cancelled", "done", "done", "failed"]
    assert not any(job.payload["token"] for job in jobs)


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_a_node_with_another_account(
    start: Start, there: Service, region: str, keystone: Keystone
) -> None:
    first = await start(identity=identity(keystone), images=METHODS, jobs=Jobs(workers=0))
    token = keystone.token("member")
    alice = Person(first.client, token)
    image = await alice.create()
    await alice.download_from(region, await source(there, token), image)
    nova = identity(keystone, auth={"username": "nova", "password": "novapw"})
    second = await start(identity=nova, images=METHODS)
    task = await Person(second.client, token).ended(image)
    assert task["status"] == "failure"
    assert "another account" in task["message"]


@dataclass
class Region:
    """An Images API that answers what a test wants."""

    description: Any = None
    data: bytes = DATA
    redirect: str = ""
    asked: list[tuple[str, str | None]] | None = None


@pytest.fixture
async def false_region(keystone: Keystone) -> AsyncIterator[tuple[Region, str]]:
    false = Region(asked=[])

    async def answer(request: web.Request) -> web.StreamResponse:
        assert false.asked is not None
        false.asked.append((request.path, request.headers.get("X-Auth-Token")))
        if false.redirect:
            return web.Response(status=302, headers={"Location": false.redirect})
        if request.path.endswith("/file"):
            return web.Response(body=false.data)
        if isinstance(false.description, bytes):
            return web.Response(body=false.description)
        return web.json_response(false.description)

    server = web.Application()
    server.router.add_get("/{path:.*}", answer)
    async with TestServer(server) as running:
        url = f"http://127.0.0.1:{running.port}/image/"
        yield false, await asyncio.to_thread(keystone.region, url)


def described(data: bytes = DATA, **changes: Any) -> dict[str, Any]:
    return {
        "status": "active",
        "size": len(data),
        "disk_format": "raw",
        "container_format": "bare",
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(data).hexdigest(),
        "checksum": hashlib.md5(data).hexdigest(),
        **changes,
    }


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_a_region_that_lies(
    start: Start, false_region: tuple[Region, str], keystone: Keystone
) -> None:
    false, region = false_region
    here = await start(
        identity=identity(keystone), images=METHODS, limits=Limits(image_size_cap=len(DATA))
    )
    alice = Person(here.client, keystone.token("member"))
    longer = DATA + b"!"
    cases: list[tuple[Any, bytes, str]] = [
        (b"<html>", DATA, "not understood"),
        ([], DATA, "not understood"),
        (b"[" * 100_000, DATA, "not understood"),
        (b"{}" + b" " * (2 << 20), DATA, "bytes at most"),
        (described(status="queued"), DATA, "has to be active"),
        (described(status={"x": 1}), DATA, "has to be active"),
        (described(size=None), DATA, "size"),
        (described(size=-1), DATA, "size"),
        (described(size="1"), DATA, "size"),
        (described(size=True), DATA, "size"),
        (described(disk_format="nonsense"), DATA, "disk_format"),
        (described(container_format=None), DATA, "container_format"),
        (described(), DATA[:-1] + b"\0", "sha512"),
        (described(os_hash_algo="nonsense"), DATA[:-1] + b"\0", "md5"),
        (described(os_hash_algo="shake_128"), DATA[:-1] + b"\0", "md5"),
        (described(), DATA[:-1], "another number of bytes"),
        (described(longer), longer, "bytes at most"),
        (described(**{f"hw_{n}": "x" for n in range(200)}), DATA, "properties"),
    ]
    for description, data, reason in cases:
        false.description, false.data = description, data
        image = await alice.create()
        await alice.download_from(region, ELSEWHERE, image)
        task = await alice.ended(image)
        assert task["status"] == "failure", (reason, task)
        assert reason in task["message"], (reason, task)
        assert (await alice.show(image))["status"] == "queued"
    assert here.files() == set()


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_a_region_that_writes_digests_in_capitals(
    start: Start, false_region: tuple[Region, str], keystone: Keystone
) -> None:
    false, region = false_region
    here = await start(identity=identity(keystone), images=METHODS)
    alice = Person(here.client, keystone.token("member"))
    image = await alice.create()
    right, false.data = described(), DATA
    capitals = {name: right[name].upper() for name in ("os_hash_value", "checksum")}
    false.description = right | capitals
    await alice.download_from(region, ELSEWHERE, image)
    assert (await alice.ended(image))["status"] == "success"
    assert (await alice.show(image))["os_hash_value"] == right["os_hash_value"]


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_properties_that_cannot_be_kept(
    start: Start, false_region: tuple[Region, str], keystone: Keystone
) -> None:
    false, region = false_region
    here = await start(
        identity=identity(keystone),
        images=METHODS,
        imports=replace(settings_in(Path("/")).imports, extra_properties=("hw_", "os_", "id")),
    )
    alice = Person(here.client, keystone.token("member"))
    image = await alice.create()
    false.description = described(
        id=ELSEWHERE, os_glance_import_task="x", os_hidden=True, hw_number=7, hw_none=None,
        hw_nul="\0", hw_floppy="\U0001f4be", hw_good="ja", os_ä="ö", **{"hw_" + "x" * 300: "long"},
        hw_long="é" * 32_768,
    )  # fmt: skip
    await alice.download_from(region, ELSEWHERE, image)
    assert (await alice.ended(image))["status"] == "success"
    shown = await alice.show(image)
    assert {name for name in shown if name.startswith("hw_")} == {"hw_good"}
    assert (shown["id"], shown["os_ä"], shown["os_hidden"]) == (image, "ö", False)
    assert shown["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    assert false.asked is not None
    assert [path for path, _ in false.asked] == [
        f"/image/v2/images/{ELSEWHERE}", f"/image/v2/images/{ELSEWHERE}/file",
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_the_token_goes_nowhere_else(
    start: Start, false_region: tuple[Region, str], keystone: Keystone
) -> None:
    """A redirect is not followed, wherever to: the token would go along."""
    false, region = false_region
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response(described())

    other = web.Application()
    other.router.add_get("/{path:.*}", elsewhere)
    async with TestServer(other) as thief:
        here = await start(identity=identity(keystone), images=METHODS)
        alice = Person(here.client, keystone.token("member"))
        for target in (f"http://127.0.0.1:{thief.port}/x", "/image/v2/other"):
            false.redirect = target
            image = await alice.create()
            await alice.download_from(region, ELSEWHERE, image)
            task = await alice.ended(image)
            assert task["status"] == "failure"
            assert "redirects" in task["message"]
    assert seen == []
    assert false.asked is not None
    assert {path for path, _ in false.asked} == {f"/image/v2/images/{ELSEWHERE}"}
