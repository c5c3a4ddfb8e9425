"""Where a Glance serves the same database: it looks at the status of images, not at our journal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.faulty import raising
from imagestore.database import images, locations, tasks
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, ImagestoreError
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.model.import_request import ImportRequest, Method
from imagestore.model.task import Task, TaskStatus, TaskType
from tests.catalog.conftest import ALICE, DATA, House, blocks_of


async def take(house: House, image: Image, of: ImageStatus, to: ImageStatus) -> None:
    """As an upload at Glance does."""
    assert await house.database.write(images.transition, image.id, {of}, to)


async def test_nobody_may_upload_while_the_bytes_of_a_failed_upload_are_removed(
    remote: House,
) -> None:
    image = await remote.queued()
    seen: list[ImageStatus] = []

    async def look() -> None:
        seen.append((await remote.image(image.id)).status)

    remote.store("first").fail(
        {"add": [raising(errors.Full("x", store="first"))], "discard": [look]}
    )
    with pytest.raises(ImagestoreError):
        await remote.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert seen == [ImageStatus.SAVING]
    assert (await remote.image(image.id)).status is ImageStatus.QUEUED
    assert await remote.journal() == []


async def fail_to_clean(house: House, image: Image) -> None:
    gone = raising(errors.Unavailable("x", store="first"))
    house.store("first").fail({"add": [gone] * 9, "discard": [gone] * 9})
    with pytest.raises(ImagestoreError):
        await house.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert (await house.image(image.id)).status is ImageStatus.QUEUED
    assert len(await house.journal()) == 1
    house.store("first").fail({})


async def test_recovery_leaves_what_glance_writes_since(remote: House) -> None:
    image = await remote.queued()
    await fail_to_clean(remote, image)
    await take(remote, image, ImageStatus.QUEUED, ImageStatus.SAVING)
    remote.objects("first")[image.id] = DATA
    assert await remote.catalog.recovery.run() == 0
    assert (await remote.image(image.id)).status is ImageStatus.SAVING
    assert remote.objects("first")[image.id] == DATA

    def activate(conn: Any) -> None:
        images.transition(conn, image.id, {ImageStatus.SAVING}, ImageStatus.ACTIVE, size=len(DATA))
        locations.add(conn, image.id, Location(f"memory://first/{image.id}", {"store": "first"}))

    await remote.database.write(activate)
    assert await remote.catalog.recovery.run() == 1
    assert remote.objects("first")[image.id] == DATA
    assert await remote.journal() == []


async def test_recovery_does_not_put_back_an_upload_into_another_store(remote: House) -> None:
    image = await remote.queued()
    await fail_to_clean(remote, image)

    async def slow() -> Any:
        yield DATA
        assert await remote.catalog.recovery.run() == 1

    await remote.catalog.uploads.upload(ALICE, image.id, slow(), store="second")
    assert (await remote.image(image.id)).status is ImageStatus.ACTIVE
    assert await remote.stores_of(image.id) == ["second"]


@pytest.mark.parametrize(
    ("status", "silent", "held"),
    [
        (TaskStatus.PROCESSING, timedelta(minutes=59), True),
        (TaskStatus.PROCESSING, timedelta(minutes=61), False),
        (TaskStatus.PENDING, timedelta(minutes=61), True),
        (TaskStatus.SUCCESS, timedelta(0), False),
    ],
)
async def test_an_import_of_glance_holds_the_image(
    remote: House, status: TaskStatus, silent: timedelta, held: bool
) -> None:
    image = await remote.active(properties={"os_glance_import_task": "theirs"})
    moment = now() - silent
    task = Task("theirs", TaskType.API_IMAGE_IMPORT, status, "red", moment, moment)
    await remote.database.write(tasks.add, task)
    request = ImportRequest(Method.COPY_IMAGE, stores=("second",), body={})
    root = replace(ALICE, roles=frozenset({"admin"}))
    asking = remote.catalog.imports.start(root, image.id, request)
    if held:
        with pytest.raises(Conflict, match="import"):
            await asking
    else:
        assert await asking is not None
