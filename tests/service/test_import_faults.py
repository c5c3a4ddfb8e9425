"""Imports into several stores of which one fails: dead from the start, in the middle, full."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from errno import ECONNREFUSED
from pathlib import Path
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.backends import errors
from imagestore.backends.testing.faulty import Fault, hang, raising
from imagestore.catalog import jobs as kinds
from imagestore.catalog.imports.running import ATTEMPTS
from imagestore.config import drivers
from imagestore.database import journal
from tests.backends.file.conftest import small_disk
from tests.service.conftest import Person, Service, Start
from tests.service.faults import PATIENT, StreamedStore, database, faulty_driver, inner, stores_in
from tests.service.test_imports import (
    assert_active,
    ended,
    fetching,
    stage,
    start_import,
    tasks_of,
    until_nothing_is_staged,
    web_download,
)
from tests.service.web import Web, served_files

__all__ = ["small_disk"]

DATA = os.urandom((5 << 20) + 17)
embedded = pytest.mark.parametrize("url", ["embedded"], indirect=True)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts of a job."""
    monkeypatch.setattr(kinds, "LONGEST_PAUSE", 0.1)


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with served_files() as running:
        running.files["/image"] = DATA
        yield running


@pytest.fixture
async def service(
    start: Start, site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Service:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    return await start(**fetching(site), stores=stores_in(tmp_path))


def files(service: Service, store: str) -> set[str]:
    """What lies in one store, half-written files included."""
    return {path.name for path in (service.settings.data_dir / store).iterdir()}


async def image_and_import(person: Person, site: Web, *, all_must_succeed: bool) -> str:
    image: str = (await person.create())["id"]
    body = web_download(site, all_stores=True, all_stores_must_succeed=all_must_succeed)
    assert await start_import(person, image, body) == 202
    return image


async def until(service: Service, condition: Any) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.02)


def dead() -> Fault:
    """As every driver fails: by its name."""
    return raising(errors.Unavailable("forced", store="file2"))


DEATH: dict[str, list[Fault]] = {"write": [dead()] * 99}


@embedded
async def test_one_hangs(
    start: Start, site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    access = replace(PATIENT, progress_timeout=3.0)
    service = await start(**fetching(site), stores=stores_in(tmp_path, access))
    alice = service.person("red")
    inner(service, "file2").fail({"write": [hang]})
    image = await image_and_import(alice, site, all_must_succeed=False)
    shown = await ended(alice, image)
    assert (shown["status"], shown["stores"]) == ("active", "file1")
    assert shown["os_glance_failed_import"] == "file2"
    assert files(service, "file2") == set()


@embedded
async def test_one_is_enough(service: Service, site: Web) -> None:
    alice = service.person("red")
    inner(service, "file2").fail(DEATH)
    image = await image_and_import(alice, site, all_must_succeed=False)
    shown = await ended(alice, image)
    assert (shown["status"], shown["stores"]) == ("active", "file1")
    assert shown["os_glance_failed_import"] == "file2"
    assert shown["os_glance_importing_to_stores"] == ""
    (task,) = await tasks_of(alice, image)
    assert (task["status"], task["result"]) == ("success", {"image_id": image})
    assert task["message"].endswith("file2 failed.")
    answer = await alice("GET", f"/v2/images/{image}/file")
    assert await answer.read() == DATA
    assert files(service, "file2") == set()
    # It is back: it has nothing of it, and takes a copy.
    inner(service, "file2").fail({})
    ops = service.person("ops", "admin,member,reader")
    await until(service, lambda: _is_healthy(service, "file2"))
    body = {"method": {"name": "copy-image"}, "stores": ["file2"]}
    assert await start_import(ops, image, body) == 202
    await assert_active(alice, image, DATA, "file1,file2")


async def _is_healthy(service: Service, store: str) -> bool:
    return service.client.app[keys.stores].health(store).healthy


@embedded
async def test_all_are_wanted(service: Service, site: Web) -> None:
    """It is tried again and again; then nothing of it is left, and who is to blame is told."""
    alice = service.person("red")
    inner(service, "file2").fail(DEATH)
    image = await image_and_import(alice, site, all_must_succeed=True)
    seen = set()
    async with asyncio.timeout(120):
        while "os_glance_import_task" in (shown := await alice.show(image)):
            assert (shown["status"], shown.get("stores")) == ("importing", None)
            seen.add((shown["os_glance_importing_to_stores"], shown["os_glance_failed_import"]))
            await asyncio.sleep(0.01)
    assert seen <= {("file1,file2", ""), ("file1,file2", "file2")}
    assert (shown["status"], shown["size"]) == ("queued", None)
    assert shown["os_glance_importing_to_stores"] == ""
    assert shown["os_glance_failed_import"] == "file2"
    (task,) = await tasks_of(alice, image)
    assert task["status"] == "failure"
    assert "file2" in task["message"]
    await until(service, lambda: _is_clean(service))
    assert files(service, "file1") == files(service, "file2") == set()
    inner(service, "file2").fail({})
    await until(service, lambda: _is_healthy(service, "file2"))
    body = web_download(site, all_stores=True)
    assert await start_import(alice, image, body) == 202
    await assert_active(alice, image, DATA, "file1,file2")


async def _is_clean(service: Service) -> bool:
    """Whether the journal knows of nothing that is left behind; recovery is asked to look."""
    await service.client.app[keys.catalog].recovery.run()
    return not await database(service).read(journal.entries)


async def _is(person: Person, image: str, name: str, value: str) -> bool:
    return (await person.show(image)).get(name) == value


@embedded
@pytest.mark.parametrize("all_must_succeed", [False, True])
async def test_a_full_disk(
    start: Start, site: Web, tmp_path: Path, small_disk: Path, *, all_must_succeed: bool
) -> None:
    place = small_disk / "file2"
    service = await start(**fetching(site), stores=stores_in(tmp_path, file2=place))
    alice = service.person("red")
    image = await image_and_import(alice, site, all_must_succeed=all_must_succeed)
    shown = await ended(alice, image)
    (task,) = await tasks_of(alice, image)
    assert shown["os_glance_failed_import"] == "file2"
    assert shown["os_glance_importing_to_stores"] == ""
    if all_must_succeed:
        assert (shown["status"], shown["size"], task["status"]) == ("queued", None, "failure")
        assert "no room" in task["message"]
        assert files(service, "file1") == set()
    else:
        assert (shown["status"], shown["stores"]) == ("active", "file1")
        assert (task["status"], files(service, "file1")) == ("success", {image})
    assert list(place.iterdir()) == []
    small = (await alice.create())["id"]
    site.files["/small"] = DATA[: 1 << 20]
    assert await start_import(alice, small, web_download(site, "/small", all_stores=True)) == 202
    await assert_active(alice, small, DATA[: 1 << 20], "file1,file2")


async def slow(
    start: Start, site: Web, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Service, asyncio.Event]:
    """A service whose second store has an object only when the event is set."""
    monkeypatch.setattr(drivers, "get", faulty_driver)
    service = await start(**fetching(site), stores=stores_in(directory))
    gate = asyncio.Event()
    inner(service, "file2").fail({"stored": [gate.wait]})
    return service, gate


@pytest.mark.every_database
async def test_active_with_the_first(
    start: Start, site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one store is enough, nobody waits for the others; as in Glance."""
    service, gate = await slow(start, site, tmp_path, monkeypatch)
    alice = service.person("red")
    image: str = (await alice.create(color="blue"))["id"]
    assert await stage(alice, image, DATA) == 204
    body = {
        "method": {"name": "glance-direct"}, "all_stores": True, "all_stores_must_succeed": False,
    }  # fmt: skip
    assert await start_import(alice, image, body) == 202
    await until(service, lambda: _is(alice, image, "status", "active"))
    shown = await alice.show(image)
    assert (shown["stores"], shown["size"], shown["color"]) == ("file1", len(DATA), "blue")
    assert shown["os_glance_importing_to_stores"] == "file2"
    assert shown["os_glance_failed_import"] == ""
    assert "os_glance_import_task" in shown
    answer = await alice("GET", f"/v2/images/{image}/file")
    assert await answer.read() == DATA
    assert [task["status"] for task in await tasks_of(alice, image)] == ["processing"]
    gate.set()
    await assert_active(alice, image, DATA, "file1,file2")
    await until_nothing_is_staged(service)
    assert await database(service).read(journal.entries) == []


async def test_the_process_ends_while_others_are_written(
    start: Start, site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one goes on with the stores that are left, from the first; the source is not read
    again."""
    service, _ = await slow(start, site, tmp_path, monkeypatch)
    alice = service.person("red")
    image = await image_and_import(alice, site, all_must_succeed=False)
    await until(service, lambda: _is(alice, image, "status", "active"))
    await service.client.close()
    again = await start(**fetching(site), stores=stores_in(tmp_path))
    await assert_active(again.person("red"), image, DATA, "file1,file2")
    assert site.asked == ["/image"]
    assert files(again, "file1") == files(again, "file2") == {image}


@embedded
async def test_the_last_store_never_comes_back(
    start: Start, site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image was active when its process ended; the store that is left is dead since."""
    service, _ = await slow(start, site, tmp_path, monkeypatch)
    alice = service.person("red")
    image = await image_and_import(alice, site, all_must_succeed=False)
    await until(service, lambda: _is(alice, image, "status", "active"))
    await service.client.close()
    monkeypatch.setattr(drivers, "get", dead_driver)
    again = await start(**fetching(site), stores=stores_in(tmp_path))
    alice = again.person("red")
    shown = await ended(alice, image)
    (task,) = await tasks_of(alice, image)
    assert (shown["status"], task["status"]) == ("active", "success")
    assert (shown["os_glance_failed_import"], shown["stores"]) == ("file2", "file1")
    assert files(again, "file2") == set()


def dead_driver(name: str) -> Any:
    """As :func:`faulty_driver`; the second store takes nothing, from the start."""

    def create(store: str, settings: Any) -> StreamedStore:
        made = StreamedStore(store, settings)
        if store == "file2":
            made.fail({"add": [dead()] * 999})
        return made

    return replace(faulty_driver(name), create=create)


def refused() -> Fault:
    """As a driver fails whose server is not there: its own words are for the log."""
    error = errors.Unavailable("https://secret.example:1/container", store="file2")
    error.__cause__ = ConnectionRefusedError(ECONNREFUSED, "connect to secret.example")
    return raising(error)


@embedded
async def test_the_message_names_store_and_cause(service: Service, site: Web) -> None:
    alice = service.person("red")
    inner(service, "file2").fail({"add": [refused()] * 99})
    image = await image_and_import(alice, site, all_must_succeed=True)
    assert (await ended(alice, image))["os_glance_failed_import"] == "file2"
    (task,) = await tasks_of(alice, image)
    assert task["status"] == "failure"
    assert task["message"] in (
        "Store 'file2' cannot be written to at the moment: Connection refused.",
        "Store 'file2' cannot be written to at the moment: it is away.",
    )
    (job,) = await service.client.app[keys.catalog].jobs.list(image_id=image)
    assert job.message == task["message"]
    assert job.attempts == ATTEMPTS


@embedded
@pytest.mark.parametrize("all_must_succeed", [True, False])
async def test_a_copy_that_fails_blames_the_store_that_failed(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_must_succeed: bool
) -> None:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    two = stores_in(tmp_path)
    third = replace(
        two.sections[0], name="file3", options={"filesystem_store_datadir": str(tmp_path / "file3")}
    )
    service = await start(stores=replace(two, sections=(*two.sections, third)))
    alice, ops = service.person("red"), service.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    assert await alice.upload(image, DATA) == 204
    inner(service, "file2").fail({"add": [refused()] * 99})
    body = {
        "method": {"name": "copy-image"},
        "stores": ["file3", "file2"],
        "all_stores_must_succeed": all_must_succeed,
    }
    assert await start_import(ops, image, body) == 202
    shown = await ended(ops, image)
    assert shown["os_glance_failed_import"] == "file2"
    assert shown["stores"] == ("file1" if all_must_succeed else "file1,file3")
    (task,) = [one for one in await tasks_of(ops, image) if one["type"] == "api_image_import"]
    assert task["status"] == ("failure" if all_must_succeed else "success")
    if all_must_succeed:
        assert task["message"].startswith("Store 'file2' cannot be written to at the moment: ")
    assert "secret" not in task["message"]
    await until(service, lambda: _is_clean(service))
