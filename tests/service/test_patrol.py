"""The integrity patrol: a flipped bit is found, repaired where it can be, never served silently."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
from pathlib import Path

import pytest

from imagestore.api import keys
from imagestore.backends import errors
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.integrity.damage import DAMAGE_PROPERTY
from imagestore.config.settings import Notifications, Scrubber
from imagestore.database import damages, events, journal
from imagestore.database.damages import DamageState
from imagestore.model.job import ENDED, JobState
from tests.service.conftest import Service, Start
from tests.service.faults import copy_to, database

DATA = os.urandom(2_500_001)


def catalog_of(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


async def stored(service: Service, *, copies: int) -> str:
    alice = service.person("red")
    image: str = (await alice.create())["id"]
    assert await alice.upload(image, DATA) == 204
    if copies == 2:
        await copy_to(service, image, "file2")
    return image


def path_of(service: Service, store: str, image: str) -> Path:
    return service.settings.data_dir / store / image


def flip(path: Path, at: int = 1_234_567) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


async def patrol(service: Service, image: str | None = None) -> None:
    jobs = catalog_of(service).jobs
    job = await catalog_of(service).patrol.start(rate=0, image_id=image)
    async with asyncio.timeout(60):
        while (await jobs.show(job.id)).state not in ENDED:
            await asyncio.sleep(0.05)
    assert (await jobs.show(job.id)).state is JobState.DONE


async def download(service: Service, image: str) -> tuple[int, bytes]:
    answer = await service.person("red")("GET", f"/v2/images/{image}/file")
    return answer.status, await answer.read()


async def kinds(service: Service) -> list[str]:
    found = await database(service).read(events.select_after, 0, 1000)
    return [one.kind for one in found]


@pytest.mark.parametrize("how", ["flipped", "short", "missing"])
@pytest.mark.every_database
async def test_a_bad_copy_is_repaired_from_a_good_one(service: Service, how: str) -> None:
    image = await stored(service, copies=2)
    bad = path_of(service, "file1", image)
    match how:
        case "flipped":
            flip(bad)
        case "short":
            bad.write_bytes(DATA[:-1])
        case "missing":
            bad.unlink()
    await patrol(service)
    assert bad.read_bytes() == DATA
    assert path_of(service, "file2", image).read_bytes() == DATA
    shown = await service.person("red").show(image)
    assert (shown["stores"], DAMAGE_PROPERTY in shown) == ("file1,file2", False)
    assert await download(service, image) == (200, DATA)
    [damage] = await catalog_of(service).patrol.damages(settled=True)
    assert (damage.image_id, damage.store, damage.state) == (
        image, "file1", DamageState.REPAIRED,
    )  # fmt: skip
    progress = await catalog_of(service).patrol.progress()
    assert progress is not None
    assert (progress.images, progress.damaged, progress.repaired) == (1, 1, 1)
    assert progress.finished_at is not None
    assert {"image.damaged", "image.repaired"} <= {*await kinds(service)}
    assert await database(service).read(journal.entries) == []
    # The next pass has nothing to do.
    await patrol(service)
    progress = await catalog_of(service).patrol.progress()
    assert progress is not None
    assert (progress.images, progress.damaged, progress.bytes) == (1, 0, 2 * len(DATA))


async def test_an_only_copy_is_marked_and_not_served(service: Service) -> None:
    image = await stored(service, copies=1)
    whole = await stored(service, copies=1)
    flip(path_of(service, "file1", image))
    await patrol(service)
    status, body = await download(service, image)
    assert status == 410
    assert b"damaged" in body
    alice = service.person("red")
    shown = await alice.show(image)
    assert (shown["status"], shown[DAMAGE_PROPERTY]) == ("active", "file1")
    assert "stores" not in shown
    [damage] = await catalog_of(service).patrol.damages()
    assert (damage.image_id, damage.state) == (image, DamageState.DAMAGED)
    assert await download(service, whole) == (200, DATA)
    answer = await alice("GET", f"/v2/images?{DAMAGE_PROPERTY}=file1")
    assert [one["id"] for one in (await answer.json())["images"]] == [image]
    # Nobody can take the mark away but who puts the bytes right.
    refused = await alice.patch(image, {"op": "remove", "path": f"/{DAMAGE_PROPERTY}"})
    assert refused.status == 403
    path_of(service, "file1", image).write_bytes(DATA)
    await patrol(service, image)
    assert await download(service, image) == (200, DATA)
    assert DAMAGE_PROPERTY not in await alice.show(image)
    assert await catalog_of(service).patrol.damages() == []


async def test_the_last_whole_copy_is_not_removed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = await stored(service, copies=2)
    flip(path_of(service, "file1", image))
    store = service.client.app[keys.stores].get("file1")

    async def busy(url: str) -> None:
        raise errors.Busy("forced", store="file1", url=url)

    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", busy)
        await patrol(service)
    assert await download(service, image) == (200, DATA)
    admin = service.person("red", "admin,member,reader")
    answer = await admin("DELETE", f"/v2/stores/file2/{image}")
    assert answer.status == 403
    assert "whole" in await answer.text()
    [damage] = await catalog_of(service).patrol.damages()
    assert damage.state is DamageState.DAMAGED
    await patrol(service)
    assert path_of(service, "file1", image).read_bytes() == DATA


@pytest.mark.every_database
async def test_it_runs_by_itself_and_goes_on_where_it_was(start: Start) -> None:
    settings = Scrubber(patrol_rate=1 << 40)
    service = await start(scrubber=settings)
    jobs = catalog_of(service).jobs

    async def done() -> int:
        return len(await jobs.list(kind="patrol", states=[JobState.DONE]))

    async with asyncio.timeout(30):
        while not await done():
            await asyncio.sleep(0.05)
    # Its successor waits for its time.
    [queued] = await jobs.list(kind="patrol", states=[JobState.QUEUED])
    assert (queued.not_before - queued.created_at).days >= 6
    first, second = sorted([await stored(service, copies=1) for _ in range(2)])
    for image in (first, second):
        flip(path_of(service, "file1", image))
    before = await catalog_of(service).patrol.progress()
    assert before is not None
    left = dataclasses.replace(before, position=first, finished_at=None)
    await database(service).write(damages.set_progress, left)
    await patrol(service)
    assert [one.image_id for one in await catalog_of(service).patrol.damages()] == [second]


async def test_a_damaged_copy_comes_back_damaged(start: Start) -> None:
    service = await start(scrubber=Scrubber(delayed_delete=True, scrub_time=3600))
    image = await stored(service, copies=1)
    flip(path_of(service, "file1", image))
    await patrol(service, image)
    assert (await service.person("red")("DELETE", f"/v2/images/{image}")).status == 204
    await catalog_of(service).scrubber.restore(image)
    assert (await service.person("red").show(image))["status"] == "active"
    assert (await download(service, image))[0] == 410


async def test_others_are_notified(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """By the driver ``log`` of oslo.messaging, once for each damage and each repair."""
    caplog.set_level(logging.INFO, "oslo.messaging.notification")
    service = await start(notifications=Notifications(driver=("log",)))
    image, single = await stored(service, copies=2), await stored(service, copies=1)
    flip(path_of(service, "file1", image))
    path_of(service, "file1", single).unlink()
    await patrol(service)
    await patrol(service)
    path_of(service, "file1", single).write_bytes(DATA)
    await patrol(service, single)

    def told() -> list[tuple[str, str, str, str]]:
        messages = [
            json.loads(one.getMessage())
            for one in caplog.records
            if one.name.startswith("oslo.messaging.notification")
        ]
        return sorted(
            (
                one["event_type"], one["priority"], one["payload"]["id"],
                one["payload"]["backend"],
            )
            for one in messages
            if one["event_type"] in ("image.damaged", "image.repaired")
        )  # fmt: skip

    expected = sorted(
        (event, priority, each, "file1")
        for each in (image, single)
        for event, priority in (("image.damaged", "ERROR"), ("image.repaired", "INFO"))
    )
    async with asyncio.timeout(30):
        while told() != expected:
            await asyncio.sleep(0.05)
