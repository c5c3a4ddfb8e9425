from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, insert, select

from imagestore.database import images, members, purge
from imagestore.database.engine import Database
from imagestore.database.schema import (
    image_locations,
    image_members,
    image_properties,
    image_tags,
    task_info,
    tasks,
)
from imagestore.database.schema import images as table
from imagestore.model.errors import Conflict
from imagestore.model.image import Image, ImageStatus, Location
from tests.database.samples import LATER, MOMENT, image, member

AFTER = LATER + timedelta(seconds=1)


def add(conn: Connection, made: Image, *, deleted: bool) -> None:
    images.insert(conn, made)
    members.insert(conn, member(made.id, "two"))
    task = {
        "id": made.id, "type": "import", "status": "success", "owner": "one",
        "created_at": MOMENT, "deleted": deleted, "deleted_at": LATER if deleted else None,
    }  # fmt: skip
    conn.execute(insert(tasks), task)
    conn.execute(insert(task_info), {"task_id": made.id})
    if deleted:
        assert images.soft_delete(conn, made.id, LATER, {ImageStatus.QUEUED})


def some() -> Image:
    return image(properties={"a": "1"}, tags=("t",), locations=(Location("file:///a"),))


def numbers(conn: Connection) -> dict[str, int]:
    tables = (
        image_properties, image_tags, image_locations, image_members, tasks, task_info, table,
    )  # fmt: skip
    return {one.name: conn.scalar(select(func.count()).select_from(one)) or 0 for one in tables}


async def test_what_was_deleted_long_ago_is_removed(database: Database) -> None:
    kept, gone = some(), some()
    await database.write(add, kept, deleted=False)
    await database.write(add, gone, deleted=True)
    assert set((await database.write(purge.purge, LATER, 10)).values()) == {0}
    removed = await database.write(purge.purge, AFTER, 10)
    assert removed == {
        "image_members": 1, "image_properties": 1, "image_tags": 1, "image_locations": 1,
        "tasks": 1,
    }  # fmt: skip
    left = await database.read(numbers)
    assert left.pop("images") == 2
    assert set(left.values()) == {1}
    found = await database.read(images.get, kept.id)
    assert found is not None
    assert found.image.properties == {"a": "1"}
    with pytest.raises(Conflict):
        await database.write(images.insert, gone)


async def test_ids_of_images_stay_taken(database: Database) -> None:
    kept, gone = some(), some()
    await database.write(add, kept, deleted=False)
    await database.write(add, gone, deleted=True)
    assert await database.write(purge.purge_images, LATER, 10) == 0
    assert await database.write(purge.purge_images, AFTER, 10) == 1
    left = await database.read(numbers)
    assert (left["images"], left["image_properties"], left["image_members"]) == (1, 1, 1)
    with pytest.raises(Conflict, match=gone.id):
        await database.write(images.insert, gone)


async def test_no_more_than_asked_for(database: Database) -> None:
    for _ in range(3):
        await database.write(add, some(), deleted=True)
    assert set((await database.write(purge.purge, AFTER, 2)).values()) == {2}
    assert set((await database.write(purge.purge, AFTER, 2)).values()) == {1}
    assert await database.write(purge.purge_images, AFTER, 2) == 2
    assert await database.write(purge.purge_images, AFTER, 2) == 1
