"""The cache as administrators manage it, over the API, on every database; and over the command."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from imagestore import app
from imagestore.config import drivers
from imagestore.config.settings import Database, Identity
from tests.service.conftest import Person, Service, Start
from tests.service.faults import faulty_driver, stores_in
from tests.service.test_cache import SIZE, cache_in, until
from tests.services import programs

ABSENT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def cached(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    return await start(
        stores=stores_in(tmp_path),
        cache=cache_in(tmp_path, sync_interval=0.1),
    )


@pytest.fixture
def admin(cached: Service) -> Person:
    return cached.person("ops", "admin,member,reader")


@pytest.fixture
async def image(admin: Person) -> str:
    created = (await admin.create())["id"]
    assert await admin.upload(created, os.urandom(SIZE)) == 204
    return str(created)


def state_is(person: Person, what: str, ids: list[str]) -> Callable[[], Any]:
    async def holds() -> bool:
        answer = await person("GET", "/v2/cache")
        assert answer.status == 200, await answer.text()
        found = (await answer.json())[what]
        return [each if isinstance(each, str) else each["image_id"] for each in found] == ids

    return holds


@pytest.mark.every_database
async def test_an_image_is_queued_fetched_listed_and_removed(
    cached: Service, admin: Person, image: str
) -> None:
    assert (await admin("PUT", f"/v2/cache/{image}")).status == 202
    await until(state_is(admin, "cached_images", [image]))
    await until(state_is(admin, "queued_images", []))
    for _ in range(2):
        await (await admin("GET", f"/v2/images/{image}/file")).read()

    async def is_counted() -> bool:
        body = await (await admin("GET", "/v2/cache")).json()
        (entry,) = body["cached_images"]
        assert entry["size"] == SIZE
        assert isinstance(entry["last_accessed"], float)
        return bool(entry["hits"] == 2 and entry["checksum"] and entry["id"])

    await until(is_counted)
    nodes = await admin("GET", f"/v2/cache/nodes/{image}")
    assert (nodes.status, await nodes.json()) == (200, ["http://one"])
    assert (await admin("DELETE", f"/v2/cache/{image}")).status == 204
    await until(state_is(admin, "cached_images", []))
    assert (await (await admin("GET", f"/v2/cache/nodes/{image}")).json()) == []
    assert (await admin("DELETE", f"/v2/cache/{image}")).status == 204


async def test_what_cannot_be_queued(admin: Person) -> None:
    draft = (await admin.create())["id"]
    assert (await admin("PUT", f"/v2/cache/{draft}")).status == 400
    assert (await admin("PUT", f"/v2/cache/{ABSENT}")).status == 404
    assert (await admin("DELETE", f"/v2/cache/{ABSENT}")).status == 404
    assert (await admin("GET", f"/v2/cache/nodes/{ABSENT}")).status == 404


async def test_only_administrators_may(cached: Service, image: str) -> None:
    member = cached.person("ops")
    for method, path, status in (
        ("GET", "/v2/cache", 403),
        ("DELETE", "/v2/cache", 403),
        ("POST", "/v2/cache/clean", 403),
        ("POST", "/v2/cache/prune", 403),
        ("PUT", f"/v2/cache/{image}", 403),
        ("DELETE", f"/v2/cache/{image}", 403),
        ("GET", f"/v2/cache/nodes/{image}", 403),
        ("GET", "/v2/cached_images", 403),
        ("PUT", f"/v2/queued_images/{image}", 403),
        ("GET", "/v2/queued_images", 403),
    ):
        assert (await member(method, path)).status == status, path
    assert (await member("DELETE", f"/v2/cache/{ABSENT}")).status == 404
    stranger = cached.person("blue")
    assert (await stranger("PUT", f"/v2/cache/{image}")).status == 404


async def test_two_policies_that_refuse_say_403(start: Start, tmp_path: Path, image: str) -> None:
    """As with Glance, although the caller may not see the image by the second."""
    file = tmp_path / "policy.yaml"
    file.write_text('"get_image": "!"\n')
    identity = Identity(flavor="trusted-headers", policy_file=file)
    refusing = await start(cache=cache_in(tmp_path), identity=identity)
    owner = refusing.person("ops")
    for method in ("PUT", "DELETE"):
        assert (await owner(method, f"/v2/cache/{image}")).status == 403, method


async def test_clearing_pruning_cleaning(cached: Service, admin: Person, image: str) -> None:
    assert (await admin("PUT", f"/v2/cache/{image}")).status == 202
    await until(state_is(admin, "cached_images", [image]))
    pruned = await admin("POST", "/v2/cache/prune")
    assert await pruned.json() == {"total_files_pruned": 0, "total_bytes_pruned": 0}
    assert (await admin("POST", "/v2/cache/clean")).status == 200
    target = "x-image-cache-clear-target"
    assert (await admin("DELETE", "/v2/cache", headers={target: "both"})).status == 400
    assert (await admin("DELETE", "/v2/cache", headers={target: "queue"})).status == 204
    await until(state_is(admin, "cached_images", [image]))
    assert (await admin("DELETE", "/v2/cache", headers={target: "cache"})).status == 204
    await until(state_is(admin, "cached_images", []))


async def test_the_older_calls(cached: Service, admin: Person, image: str) -> None:
    assert (await admin("PUT", f"/v2/queued_images/{image}")).status == 200
    await until(state_is(admin, "cached_images", [image]))
    await until(state_is(admin, "queued_images", []))
    listed = await (await admin("GET", "/v2/cached_images")).json()
    assert [entry["image_id"] for entry in listed["cached_images"]] == [image]
    assert await (await admin("GET", "/v2/queued_images")).json() == {"queued_images": []}
    assert (await admin("DELETE", f"/v2/queued_images/{image}")).status == 200
    assert (await admin("DELETE", f"/v2/cached_images/{ABSENT}")).status == 200
    assert await (await admin("DELETE", "/v2/cached_images")).json() == {"num_deleted": 1}
    assert await (await admin("DELETE", "/v2/queued_images")).json() == {"num_deleted": 0}


@pytest.mark.every_database
async def test_two_nodes_know_of_each_other_and_a_deletion_reaches_both(
    cached: Service, admin: Person, image: str, tmp_path: Path, url: str
) -> None:
    other = replace(
        cached.settings,
        database=Database(url),
        cache=replace(cached.settings.cache, directory=tmp_path / "cache2", node="http://two"),
    )
    client: TestClient[Any, Any] = TestClient(TestServer(app.create(other)))
    await client.start_server()
    try:
        second = Person(client, "ops", "admin,member,reader")
        images = [image, (await admin.create())["id"]]
        assert await admin.upload(images[1], os.urandom(SIZE)) == 204
        for person in (admin, second):
            for each in images:
                assert (await person("PUT", f"/v2/cache/{each}")).status == 202

        async def both_have_both() -> bool:
            answers = [await admin("GET", f"/v2/cache/nodes/{each}") for each in images]
            return [await each.json() for each in answers] == [["http://one", "http://two"]] * 2

        await until(both_have_both)
        assert (await admin("DELETE", f"/v2/images/{image}")).status == 204
        assert (await admin("DELETE", f"/v2/cache/{images[1]}")).status == 204
        for name in images:
            for place in ("cache", "cache2"):
                await until(lambda: not (tmp_path / place / name).exists())  # noqa: B023
    finally:
        await client.close()


async def test_without_a_cache_there_is_nothing_to_manage(start: Start) -> None:
    service = await start()
    admin, member = service.person("ops", "admin,member,reader"), service.person("red")
    image = (await admin.create())["id"]
    for method, path in (
        ("GET", "/v2/cache"),
        ("DELETE", "/v2/cache"),
        ("DELETE", f"/v2/cache/{image}"),
        ("PUT", f"/v2/cache/{image}"),
        ("POST", "/v2/cache/clean"),
        ("GET", "/v2/cached_images"),
    ):
        assert (await admin(method, path)).status == 404, path
    assert (await member("GET", "/v2/cache")).status == 403
    versions = await (await admin("GET", "/versions")).json()
    assert "v2.18" not in {version["id"] for version in versions["versions"]}


async def test_a_cache_shows_in_the_versions(cached: Service, admin: Person) -> None:
    versions = await (await admin("GET", "/versions")).json()
    assert versions["versions"][0]["id"] == "v2.18"
    assert (await admin("GET", "/v2.18/cache")).status == 200


async def test_the_command(tmp_path: Path) -> None:
    """On a node whose service has stopped."""
    config = tmp_path / "imagestore.conf"
    config.write_text(
        f"[DEFAULT]\nenabled_backends = file1:file\nimage_cache_dir = {tmp_path / 'cache'}\n"
        f"[glance_store]\ndefault_backend = file1\n"
        f"[file1]\nfilesystem_store_datadir = {tmp_path / 'file1'}\n"
        f"[database]\nconnection = sqlite:///{tmp_path / 'db.sqlite'}\n"
        "[paste_deploy]\nflavor = trusted-headers+cachemanagement\n"
    )

    def run(*args: str) -> subprocess.CompletedProcess[bytes]:
        command = [programs.BIN / "imagestore", "cache", *args]
        return programs.run([*command, "--config-file", config, "--data-dir", tmp_path])

    def listed() -> Any:
        done = run("list", "--json")
        assert not done.returncode, done.stderr
        return json.loads(done.stdout)

    from imagestore.config.load import load

    settings = load(["--config-file", str(config), "--data-dir", str(tmp_path)])
    data = os.urandom(SIZE)
    client: TestClient[Any, Any] = TestClient(TestServer(app.create(settings)))
    await client.start_server()
    admin = Person(client, "ops", "admin,member,reader")
    image = (await admin.create())["id"]
    assert await admin.upload(image, data) == 204
    await client.close()

    def commands() -> None:
        assert not run("queue", image, ABSENT).returncode
        assert set(listed()["queued_images"]) == {image, ABSENT}
        done = run("prefetch")
        assert done.returncode == 1
        assert ABSENT.encode() in done.stderr
        assert (tmp_path / "cache" / image).read_bytes() == data
        assert not run("pin", image).returncode
        (entry,) = listed()["cached_images"]
        assert (entry["image_id"], entry["size"], entry["pinned"]) == (image, SIZE, True)
        assert run("prune").stdout == b"0 entries removed, 0 B\n"
        assert run("clean").stdout == b"0 files removed\n"
        assert run("list").stdout.count(b"pinned") == 1
        assert not run("unpin", image).returncode
        assert not run("delete", image).returncode
        assert run("delete").returncode == 2
        assert listed() == {"cached_images": [], "queued_images": []}

    await asyncio.to_thread(commands)
