"""Imports through the API: from a URL, from staged data, from store to store."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.backends.http import AddressRules
from imagestore.catalog.imports.unstaging import unstage
from imagestore.config.settings import Images, Imports, Jobs, Limits, Server
from imagestore.database import jobs
from tests.service.conftest import OCTETS, Person, Service, Start
from tests.service.faults import database
from tests.service.web import Web, served_files

DATA = os.urandom((3 << 20) + 17)


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with served_files() as running:
        running.files["/image"] = DATA
        yield running


@pytest.fixture
async def importing(start: Start, site: Web) -> Service:
    """A service that may fetch from the site."""
    return await start(**fetching(site))


def fetching(site: Web) -> dict[str, Any]:
    return {"import_filter": AddressRules(allowed_hosts=("127.0.0.1",), allowed_ports=(site.port,))}


def web_download(site: Web, path: str = "/image", **more: Any) -> dict[str, Any]:
    return {"method": {"name": "web-download", "uri": site.url + path}, **more}


async def start_import(person: Person, image: str, body: Any, **headers: str) -> int:
    answer = await person("POST", f"/v2/images/{image}/import", json=body, headers=headers)
    return answer.status


async def stage(person: Person, image: str, data: bytes) -> int:
    answer = await person("PUT", f"/v2/images/{image}/stage", data=data, headers=OCTETS)
    return answer.status


async def ended(person: Person, image: str) -> dict[str, Any]:
    """The image when nothing is imported into it any more."""
    async with asyncio.timeout(60):
        while True:
            shown = await person.show(image)
            if "os_glance_import_task" not in shown and shown["status"] != "importing":
                return shown
            await asyncio.sleep(0.05)


async def tasks_of(person: Person, image: str) -> list[dict[str, Any]]:
    answer = await person("GET", f"/v2/images/{image}/tasks")
    assert answer.status == 200
    found: list[dict[str, Any]] = (await answer.json())["tasks"]
    return found


async def assert_active(person: Person, image: str, data: bytes, stores: str) -> None:
    shown = await ended(person, image)
    assert shown["status"] == "active", await tasks_of(person, image)
    assert shown["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert (shown["size"], sorted(shown["stores"].split(","))) == (len(data), stores.split(","))
    assert shown["os_glance_importing_to_stores"] == shown["os_glance_failed_import"] == ""
    answer = await person("GET", f"/v2/images/{image}/file")
    assert await answer.read() == data
    # Where times are in whole seconds, a task that failed just before may stand last.
    results = [task["result"] for task in await tasks_of(person, image)]
    assert {"image_id": image} in results


async def assert_put_back(person: Person, image: str, reason: str, stores: str = "file1") -> None:
    shown = await ended(person, image)
    assert (shown["status"], shown["size"]) == ("queued", None)
    assert shown["os_glance_failed_import"] == stores
    told = [task["message"] for task in await tasks_of(person, image)]
    assert any(reason in message for message in told), told


def staged(service: Service) -> set[str]:
    return {path.name for path in (service.settings.data_dir / "staging").iterdir()}


async def until_nothing_is_staged(service: Service) -> None:
    async with asyncio.timeout(30):
        while staged(service):
            await asyncio.sleep(0.05)


async def test_a_task_is_told_to_whose_import_it_was(importing: Service, site: Web) -> None:
    """A URL may be signed, and who has worked on an image is not for all who see it."""
    alice, admin = importing.person("red"), importing.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    body = web_download(site)
    body["method"]["uri"] += "?signature=SECRET"
    assert await start_import(alice, image, body) == 202
    await ended(alice, image)
    public = {"op": "replace", "path": "/visibility", "value": "public"}
    assert (await admin.patch(image, public)).status == 200
    for person in (alice, admin):
        (task,) = await tasks_of(person, image)
        assert task["input"]["import_req"] == body
        assert task["input"]["image_id"] == image
    assert await tasks_of(importing.person("blue"), image) == []


async def test_what_is_staged_is_not_told_to_strangers(service: Service, alice: Person) -> None:
    """One who may not see the image learns nothing of it, were it that its bytes are removed."""
    image = (await alice.create())["id"]
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    draft = replace(unstage("", image), not_before=later)
    await database(service).write(jobs.enqueue, draft, later)
    assert await stage(service.person("blue"), image, b"data") == 404


async def test_from_a_url_into_all_stores(importing: Service, site: Web) -> None:
    alice = importing.person("red")
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site, all_stores=True)) == 202
    await assert_active(alice, image, DATA, "file1,file2")
    # One pass: the source was read once, and nothing was staged.
    assert site.asked == ["/image"]
    assert staged(importing) == set()


async def test_from_staged_data(service: Service, alice: Person) -> None:
    image = (await alice.create())["id"]
    assert await start_import(alice, image, {"method": {"name": "glance-direct"}}) == 409
    assert await stage(alice, image, DATA) == 204
    shown = await alice.show(image)
    assert (shown["status"], shown["size"]) == ("uploading", len(DATA))
    assert await stage(alice, image, DATA) == 409
    assert staged(service) == {image}
    body = {"method": {"name": "glance-direct"}, "stores": ["file2"]}
    assert await start_import(alice, image, body) == 202
    await assert_active(alice, image, DATA, "file2")
    await until_nothing_is_staged(service)


async def test_to_another_store(service: Service, alice: Person, admin: Person) -> None:
    image = (await alice.create())["id"]
    await alice.upload(image, DATA)
    copy: dict[str, Any] = {"method": {"name": "copy-image"}}
    assert await start_import(alice, image, copy | {"stores": ["file2"]}) == 403
    assert await start_import(admin, image, copy | {"stores": ["file1"]}) == 400
    assert await start_import(admin, image, copy | {"stores": ["nowhere"]}) == 409
    assert await start_import(admin, image, copy | {"stores": ["file2"]}) == 202
    await assert_active(admin, image, DATA, "file1,file2")
    # Everywhere already: nothing to be done.
    assert await start_import(admin, image, copy | {"all_stores": True}) == 202
    assert len(await tasks_of(admin, image)) == 1


async def test_what_is_not_understood(importing: Service, site: Web) -> None:
    alice = importing.person("red")
    image = (await alice.create())["id"]
    good = web_download(site)
    for body in (
        [],
        {},
        {"method": "web-download"},
        {"method": {}},
        {"method": {"name": "by-post"}},
        {"method": {"name": ["web-download"]}},
        {"method": {"name": "web-download"}},
        {"method": {"name": "web-download", "uri": 7}},
        {"method": {"name": "web-download", "uri": "\U0001f4be"}},
        {"method": {"name": "glance-download", "glance_region": "x"}},
        good | {"all_stores": "yes"},
        good | {"all_stores_must_succeed": 1},
        good | {"stores": "file1"},
        good | {"stores": [1]},
        good | {"stores": []},
        good | {"stores": ["file1"], "all_stores": True},
    ):
        assert await start_import(alice, image, body) == 400, body
    store = {"X-Image-Meta-Store": "file1"}
    assert await start_import(alice, image, good | {"all_stores": True}, **store) == 400
    assert await start_import(alice, image, good | {"stores": ["file1"]}, **store) == 400
    assert await start_import(alice, image, good | {"stores": ["nowhere"]}) == 409
    assert await start_import(importing.person("blue"), image, good) == 404
    assert await start_import(importing.person("red", "reader"), image, good) == 403
    bare = (await (await alice("POST", "/v2/images", json={})).json())["id"]
    assert await start_import(alice, bare, good) == 409
    assert (await alice.show(image))["status"] == "queued"
    assert await tasks_of(alice, image) == []
    assert await start_import(alice, image, good, **store) == 202
    await assert_active(alice, image, DATA, "file1")
    assert await start_import(alice, image, good) == 409


async def test_a_source_that_is_not_there(importing: Service, site: Web) -> None:
    alice = importing.person("red")
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site, "/none", all_stores=True)) == 202
    await assert_put_back(alice, image, "The source cannot be read", "file1,file2")
    assert importing.files() == set()
    # And again, with the right one.
    assert await start_import(alice, image, web_download(site)) == 202
    await assert_active(alice, image, DATA, "file1")


async def test_a_source_that_stumbles(importing: Service, site: Web) -> None:
    site.statuses[:] = [503, 503]
    alice = importing.person("red")
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site)) == 202
    await assert_active(alice, image, DATA, "file1")


async def test_content_that_is_refused(importing: Service, site: Web) -> None:
    alice = importing.person("red")
    image = (await alice.create(disk_format="qcow2"))["id"]
    assert await start_import(alice, image, web_download(site)) == 202
    await assert_put_back(alice, image, "qcow2")
    assert await stage(alice, image, DATA) == 204
    assert await start_import(alice, image, {"method": {"name": "glance-direct"}}) == 202
    await assert_put_back(alice, image, "qcow2")
    await until_nothing_is_staged(importing)
    assert importing.files() == set()


async def test_too_large(start: Start, site: Web) -> None:
    service = await start(**fetching(site), limits=Limits(image_size_cap=len(DATA) - 1))
    alice = service.person("red")
    image = (await alice.create())["id"]
    assert await stage(alice, image, DATA) == 413
    assert (await alice.show(image))["status"] == "queued"
    assert await start_import(alice, image, web_download(site)) == 202
    await assert_put_back(alice, image, "bytes at most")
    assert service.files() == staged(service) == set()


async def test_one_import_at_a_time(importing: Service, site: Web) -> None:
    site.gate = asyncio.Event()
    alice = importing.person("red")
    image = (await alice.create())["id"]
    answers = await asyncio.gather(
        *(start_import(alice, image, web_download(site)) for _ in range(5))
    )
    assert sorted(answers) == [202, 409, 409, 409, 409]
    assert (await alice.show(image))["status"] == "importing"
    site.gate.set()
    await assert_active(alice, image, DATA, "file1")
    assert len(await tasks_of(alice, image)) == 1


async def test_an_image_that_is_deleted_meanwhile(importing: Service, site: Web) -> None:
    site.gate = asyncio.Event()
    alice = importing.person("red")
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site, all_stores=True)) == 202
    async with asyncio.timeout(30):
        while not site.asked:
            await asyncio.sleep(0.05)
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    jobs = importing.client.app[keys.catalog].jobs
    async with asyncio.timeout(30):
        while [job.state for job in await jobs.list(kind="import")] != ["cancelled"]:
            await asyncio.sleep(0.05)
    assert importing.files() == set()
    site.gate.set()


async def test_staged_data_of_an_image_that_is_deleted(service: Service, alice: Person) -> None:
    image = (await alice.create())["id"]
    assert await stage(alice, image, DATA) == 204
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    await until_nothing_is_staged(service)


async def test_methods_that_are_not_enabled(start: Start) -> None:
    service = await start(images=Images(enabled_import_methods=("web-download",)))
    alice = service.person("red")
    answer = await alice("GET", "/v2/info/import")
    assert (await answer.json())["import-methods"]["value"] == ["web-download"]
    image = (await alice.create())["id"]
    assert await stage(alice, image, b"x") == 404
    assert await start_import(alice, image, {"method": {"name": "glance-direct"}}) == 400


async def test_plugins(start: Start, site: Web) -> None:
    plugins = Imports(
        image_import_plugins=("image_decompression", "inject_image_metadata"),
        inject={"checked": "yes"},
    )
    service = await start(**fetching(site), imports=plugins)
    alice, ops = service.person("red"), service.person("ops", "admin,member,reader")
    site.files["/packed"] = gzip.compress(DATA)
    image = (await alice.create(color="blue"))["id"]
    assert await start_import(alice, image, web_download(site, "/packed", all_stores=True)) == 202
    await assert_active(alice, image, DATA, "file1,file2")
    shown = await alice.show(image)
    assert (shown["checked"], shown["color"]) == ("yes", "blue")
    spared = (await ops.create())["id"]
    assert await start_import(ops, spared, web_download(site)) == 202
    await assert_active(ops, spared, DATA, "file1")
    assert "checked" not in await ops.show(spared)
    kept = (await alice.create(container_format="compressed"))["id"]
    assert await start_import(alice, kept, web_download(site, "/packed")) == 202
    await assert_active(alice, kept, site.files["/packed"], "file1")


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
@pytest.mark.parametrize("plugins", [(), ("image_decompression",)], ids=["as-it-is", "unpacked"])
async def test_what_is_labelled_as_encoded(
    start: Start, site: Web, plugins: tuple[str, ...]
) -> None:
    """Many servers label a ``.gz`` so: it is taken as it is, and unpacked by the plug-in alone."""
    service = await start(**fetching(site), imports=Imports(image_import_plugins=plugins))
    alice = service.person("red")
    site.labels["Content-Encoding"] = "gzip"
    site.files["/disk.gz"] = gzip.compress(DATA)
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site, "/disk.gz")) == 202
    await assert_active(alice, image, DATA if plugins else site.files["/disk.gz"], "file1")
    assert "gzip" not in str([headers.get("Accept-Encoding") for headers in site.headers])


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_a_source_that_is_too_slow_on_the_whole(start: Start, site: Web) -> None:
    """It sends enough each time to go on for ever, and is tried no second time."""
    slow = Server(fetch_min_rate=1 << 30, fetch_grace=1.0)
    service = await start(**fetching(site), server=slow)
    alice = service.person("red")
    site.pause, site.files["/large"] = 0.2, os.urandom(8 << 20)
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site, "/large")) == 202
    await assert_put_back(alice, image, "less than the 1073741824 a second")
    assert site.asked.count("/large") == 1
    assert service.files() == set()


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_slow_sources_of_two_projects_leave_a_worker_to_a_third(
    start: Start, site: Web
) -> None:
    async with served_files() as stuck:
        stuck.gate = asyncio.Event()
        stuck.files["/image"] = DATA
        rules = AddressRules(allowed_hosts=("127.0.0.1",), allowed_ports=(site.port, stuck.port))
        service = await start(import_filter=rules, jobs=Jobs(workers=4))
        waiting = []
        for project in ("red", "blue"):
            person = service.person(project)
            for _ in range(6):
                image = (await person.create())["id"]
                assert await start_import(person, image, web_download(stuck)) == 202
                waiting.append((person, image))
            async with asyncio.timeout(30):  # its share is taken
                while len(stuck.asked) < (3 if project == "red" else 4):
                    await asyncio.sleep(0.05)
        third = service.person("green")
        image = (await third.create())["id"]
        assert await start_import(third, image, web_download(site)) == 202
        await assert_active(third, image, DATA, "file1")
        assert len(stuck.asked) == 4
        stuck.gate.set()
        for person, image in waiting:
            await assert_active(person, image, DATA, "file1")


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_a_damaged_member(start: Start, site: Web) -> None:
    """It would only make the image shorter."""
    plugins = Imports(image_import_plugins=("image_decompression",))
    service = await start(**fetching(site), imports=plugins)
    alice = service.person("red")
    second = gzip.compress(DATA[1000:])
    site.files["/damaged"] = gzip.compress(DATA[:1000]) + bytes([second[0] ^ 1]) + second[1:]
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site, "/damaged")) == 202
    await assert_put_back(alice, image, "damaged")
    assert service.files() == set()


async def test_a_bomb(start: Start, site: Web) -> None:
    plugins = Imports(image_import_plugins=("image_decompression",))
    service = await start(**fetching(site), imports=plugins, limits=Limits(image_size_cap=10**7))
    alice = service.person("red")
    site.files["/bomb"] = gzip.compress(bytes(10**8))
    image = (await alice.create())["id"]
    assert await start_import(alice, image, web_download(site, "/bomb")) == 202
    await assert_put_back(alice, image, "bytes at most")
    assert service.files() == set()


async def test_each_copy_counts_against_the_quota(start: Start, site: Web) -> None:
    """Three images fit in two stores each, however many are imported at once."""
    limits = Limits(user_storage_quota=7 * len(DATA) - 1)
    service = await start(**fetching(site), limits=limits)
    alice = service.person("red")
    images = [(await alice.create())["id"] for _ in range(5)]
    body = web_download(site, all_stores=True)
    statuses = await asyncio.gather(*(start_import(alice, image, body) for image in images))
    assert set(statuses) <= {202, 413}
    states = [(await ended(alice, image))["status"] for image in images]
    assert set(states) <= {"active", "queued"}
    assert states.count("active") == 3
    kept = {image for image, state in zip(images, states, strict=True) if state == "active"}
    assert service.files() == kept


async def test_staged_data_counts_against_the_quota(start: Start) -> None:
    service = await start(limits=Limits(user_storage_quota=len(DATA) + 1))
    alice = service.person("red")
    images = [(await alice.create())["id"] for _ in range(2)]
    assert await stage(alice, images[0], DATA) == 204
    body = {"method": {"name": "glance-direct"}, "all_stores": True}
    assert await start_import(alice, images[0], body) == 413  # twice is too much
    body = {"method": {"name": "glance-direct"}}
    assert await start_import(alice, images[0], body) == 202
    await assert_active(alice, images[0], DATA, "file1")
    assert await stage(alice, images[1], DATA) == 413
    assert (await alice.show(images[1]))["status"] == "queued"
    await until_nothing_is_staged(service)
