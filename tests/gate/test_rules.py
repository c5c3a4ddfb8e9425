"""Each rule, at each door where it holds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.config.settings import Images, Limits
from imagestore.database import images
from tests.conformance.samples import qcow2
from tests.gate.conftest import Enter
from tests.gate.doors import COPIES, Came, Door
from tests.gate.table import doors
from tests.gate.world import METHODS, World
from tests.key_manager import FOR_ALL
from tests.service.test_signatures import signed

DATA = os.urandom(300_000)
MD5 = hashlib.md5(DATA).hexdigest()
VIRTUAL = 1 << 20
VMDK = b"""# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="monolithicFlat"
RW 2048 FLAT "/etc/passwd" 0
"""
DANGEROUS = {
    "a backing file": ("qcow2", qcow2(backing=b"/etc/passwd")),
    "a backing file, called raw": ("raw", qcow2(backing=b"/etc/passwd")),
    "a data file": ("qcow2", qcow2(features=1 << 2)),
    "foreign extents": ("vmdk", VMDK.ljust(4096, b"\0")),
    "foreign extents, called raw": ("raw", VMDK.ljust(4096, b"\0")),
}


async def assert_refused(world: World, came: Came) -> None:
    """No image is active by what came, and none of it lies anywhere."""
    status = await world.status(came.image)
    assert status in ("queued", "killed", "gone", "uploading"), (status, came)
    assert not world.service.files()
    assert not await world.journal()


def second(world: World, image: str) -> bytes | None:
    """What lies in the second store of the image."""
    path = world.path("file2", image)
    return path.read_bytes() if path.exists() else None


@doors("who")
async def test_who_may(enter: Enter, door: Door) -> None:
    world = await enter(door)
    for person in door.strangers(world):
        came = await door.bring(world, DATA, person=person)
        assert came.status in (403, 404), came
        await world.quiet()
        if door.does == COPIES:
            assert second(world, came.image) is None
        else:
            await assert_refused(world, came)


@pytest.mark.parametrize("danger", DANGEROUS)
@doors("format")
async def test_what_is_dangerous_is_refused(enter: Enter, door: Door, danger: str) -> None:
    world = await enter(door)
    disk_format, data = DANGEROUS[danger]
    came = await door.bring(world, data, disk_format=disk_format)
    await assert_refused(world, came)


@doors("virtual size")
async def test_the_virtual_size_is_found_out(enter: Enter, door: Door) -> None:
    world = await enter(door)
    came = await door.bring(world, qcow2(virtual_size=VIRTUAL), disk_format="qcow2")
    await world.quiet()
    row = await world.database.read(images.get, came.image)
    assert row is not None
    assert (row.image.status, row.image.virtual_size) == ("active", VIRTUAL), came


@doors("size cap")
async def test_the_size_cap(enter: Enter, door: Door) -> None:
    world = await enter(door, limits=Limits(image_size_cap=len(DATA) - 1))
    await assert_refused(world, await door.bring(world, DATA))
    came = await door.bring(world, DATA[1:])
    assert await world.status(came.image) == "active", came


@doors("quota")
async def test_the_quota_of_a_project(enter: Enter, door: Door) -> None:
    world = await enter(door, limits=Limits(user_storage_quota=len(DATA) * 3 // 2))
    owned = door.owned
    first = await door.bring(world, DATA, **owned)
    await world.quiet()
    if door.does == COPIES:
        assert second(world, first.image) is None
        return
    assert await world.status(first.image) == "active", first
    again = await door.bring(world, DATA[::-1], **owned)
    await world.quiet()
    assert await world.status(again.image) != "active"
    assert world.service.files() <= {first.image}


@doors("staged")
async def test_what_is_staged_counts(enter: Enter, door: Door) -> None:
    world = await enter(door, limits=Limits(user_storage_quota=len(DATA) * 5 // 2))
    answers = []
    for _ in range(4):
        image = (await world.alice.create())["id"]
        path = f"/v2/images/{image}/stage"
        headers = {"Content-Type": "application/octet-stream"}
        answers.append((await world.alice("PUT", path, data=DATA, headers=headers)).status)
    assert answers == [204, 204, 413, 413]


@doors("signature")
async def test_other_bytes_than_those_signed(
    enter: Enter,
    door: Door,
    keys: dict[str, Any],
    certificates: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (certificates / FOR_ALL).touch()
    world = await enter(door)
    came = await door.bring(world, DATA, **signed(keys, DATA[::-1]))
    await assert_refused(world, came)
    assert "The key manager" not in caplog.text, "it was not for the signature"


@doors("digest")
async def test_other_bytes_than_those_told(enter: Enter, door: Door) -> None:
    world = await enter(door)
    came = await door.bring(world, DATA, lie=True)
    if door.does != COPIES:
        await assert_refused(world, came)
        return
    await world.failed(came.image)
    wrong = world.path("file1", came.image).read_bytes()
    assert wrong != DATA
    assert second(world, came.image) in (None, DATA) or door.name == "repair by the patrol"
    await door.assert_not_taken(world, came)


@pytest.mark.slow
@doors("checksum")
async def test_without_md5(enter: Enter, door: Door) -> None:
    config = Images(
        enabled_import_methods=METHODS, show_multiple_locations=True, md5_checksum=False
    )
    world = await enter(door, images=config)
    came = await door.bring(world, DATA)
    await world.quiet()
    shown = await world.admin.show(came.image)
    sha512 = hashlib.sha512(DATA).hexdigest()
    assert (shown["status"], shown["checksum"], shown["os_hash_value"]) == ("active", None, sha512)
    if door.does == COPIES and door.name != "fill of the cache":
        assert second(world, came.image) == DATA
    read = await world.admin("GET", f"/v2/images/{came.image}/file")
    assert (await read.read(), read.headers["ETag"]) == (DATA, f'"{sha512}"')
    assert "Content-MD5" not in read.headers
    again = await world.admin("GET", f"/v1/images/{came.image}")
    assert await again.read() == DATA
    assert not {"ETag", "x-image-meta-checksum"} & again.headers.keys()
    found = await world.admin("GET", f"/v2/images?checksum={MD5}")
    assert (await found.json())["images"] == []


@doors("journal")
async def test_a_journal_row_before_the_first_byte(enter: Enter, door: Door) -> None:
    world = await enter(door)
    seen: list[tuple[str, str, bool]] = []

    async def look(store: str, image: str) -> None:
        rows = await world.journal()
        there = any(row.image_id == image and row.store.startswith(store) for row in rows)
        seen.append((store, image, there))

    world.stores.before.append(look)
    came = await door.bring(world, DATA)
    await world.quiet()
    of_door = [there for store, image, there in seen if image == came.image]
    assert len(of_door) >= (2 if door.does == COPIES else 1)
    assert all(of_door), seen
    assert not await world.journal()


@doors("activation")
async def test_an_image_that_is_deleted_meanwhile(enter: Enter, door: Door) -> None:
    world = await enter(door)
    deleted: list[int] = []
    target = "file2" if door.does == COPIES else "file1"

    async def delete(store: str, image: str) -> None:
        if store == target and door.is_at_it(world):
            answer = await world.admin("DELETE", f"/v2/images/{image}")
            deleted.append(answer.status)

    async def delete_newest() -> None:
        if not deleted and (image := await door.newest(world)):
            deleted.append((await world.admin("DELETE", f"/v2/images/{image}")).status)

    if door.writes:
        world.stores.after.append(delete)
    else:
        world.web.web.before = delete_newest
    came = await door.bring(world, DATA)
    await world.quiet()
    assert deleted[:1] == [204], (deleted, came)
    assert await world.status(came.image) in ("gone", "deleted"), came

    async with asyncio.timeout(60):
        while came.image in world.service.files() or await world.journal():
            await world.catalog.recovery.run()
            await asyncio.sleep(0.05)


@doors("telling")
async def test_it_is_told(enter: Enter, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "oslo.messaging.notification")
    world = await enter(door)
    came = await door.bring(world, DATA)
    await world.quiet()
    assert await world.status(came.image) == "active", came

    def sent() -> list[str]:
        records = [one for one in caplog.records if one.name.startswith("oslo.messaging.notif")]
        messages = [json.loads(one.getMessage()) for one in records]
        return [m["event_type"] for m in messages if dict(m["payload"]).get("id") == came.image]

    assert door.tells_events <= set(await world.told(came.image))
    async with asyncio.timeout(30):
        while not set(door.notifies) <= set(sent()):
            await asyncio.sleep(0.02)
    places = [sent().index(one) for one in door.notifies]
    assert places == sorted(places), sent()


@doors("failure")
async def test_a_store_that_fails(enter: Enter, door: Door) -> None:
    world = await enter(door)
    target = "file2" if door.does == COPIES else "file1"

    async def fail(store: str, image: str) -> None:
        if store == target and door.is_at_it(world):
            raise errors.Full("no room", store=store)

    world.stores.after.append(fail)
    came = await door.bring(world, DATA)
    if door.does == COPIES:
        await world.failed(came.image)
        assert await world.status(came.image) == "active"
        assert second(world, came.image) is None
        assert not await world.journal()
        return
    await world.quiet()
    await assert_refused(world, came)
    staging = world.path("staging", came.image)
    async with asyncio.timeout(30):
        while staging.exists():
            await asyncio.sleep(0.02)
