from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from imagestore.database import images, locations, members
from imagestore.database.engine import Database
from imagestore.database.schema import (
    image_locations,
    image_members,
    image_properties,
    image_tags,
)
from imagestore.database.schema import images as table
from imagestore.model.errors import Conflict, Invalid
from imagestore.model.image import Image, ImageStatus, Location, MemberStatus, Visibility
from tests.database.samples import LATER, MOMENT, copies_of, image, member

FULL = image(
    name="Straße – 日本",
    status=ImageStatus.ACTIVE,
    visibility=Visibility.PUBLIC,
    protected=True,
    os_hidden=True,
    checksum="0" * 32,
    os_hash_algo="sha512",
    os_hash_value="f" * 128,
    size=2**62,
    virtual_size=2**62 + 1,
    container_format="bare",
    disk_format="qcow2",
    min_disk=2**31 - 1,
    min_ram=512,
    tags=("zulu", "alpha", "ünï"),
    properties={"os.distro/x": "debian", "": "empty name", "long": "x" * 60_000},
    locations=(Location("file:///a", {"store": "one"}), Location("file:///b")),
)


async def get(database: Database, image_id: str, **how: Any) -> Image | None:
    row = await database.read(images.get, image_id, **how)
    return row.image if row else None


async def test_what_is_written_is_read(database: Database) -> None:
    await database.write(images.insert, FULL)
    found = await get(database, FULL.id)
    assert found is not None
    first, second = (location.id or 0 for location in found.locations)
    assert first < second
    assert (
        replace(found, locations=tuple(replace(place, id=None) for place in found.locations))
        == FULL
    )


async def test_the_least_image(database: Database) -> None:
    least = image(owner=None)
    await database.write(images.insert, least)
    assert await get(database, least.id) == least


async def test_an_unknown_image_is_none(database: Database) -> None:
    assert await database.read(images.get, "no such id" * 100) is None


async def test_an_id_that_is_taken(database: Database) -> None:
    first = image(name="first")
    await database.write(images.insert, first)
    with pytest.raises(Conflict, match=first.id):
        await database.write(images.insert, replace(first, name="second"))
    assert await get(database, first.id) == first


async def test_an_id_that_was_taken(database: Database) -> None:
    deleted = image()
    await database.write(images.insert, deleted)
    assert await database.write(images.soft_delete, deleted.id, LATER, {ImageStatus.QUEUED})
    with pytest.raises(Conflict):
        await database.write(images.insert, deleted)


async def test_membership_comes_with_the_image(database: Database) -> None:
    shared = image()

    def fill(conn: Connection) -> None:
        images.insert(conn, shared)
        members.insert(conn, member(shared.id, "two", MemberStatus.REJECTED))

    await database.write(fill)
    for project, status in (("two", MemberStatus.REJECTED), ("three", None), (None, None)):
        row = await database.read(images.get, shared.id, project_id=project)
        assert row is not None
        assert row.membership is status


async def test_update(database: Database) -> None:
    before = image(name="before", min_ram=1)
    await database.write(images.insert, before)
    values = {"name": None, "visibility": Visibility.COMMUNITY, "updated_at": LATER}
    assert await database.write(images.update, before.id, values)
    assert await get(database, before.id) == replace(
        before, name=None, visibility=Visibility.COMMUNITY, updated_at=LATER
    )
    assert not await database.write(images.update, "unknown", values)


async def test_update_only_in_a_state(database: Database) -> None:
    queued = image()
    await database.write(images.insert, queued)
    values = {"name": "new", "updated_at": LATER}
    saving = {ImageStatus.SAVING, ImageStatus.ACTIVE}
    assert not await database.write(images.update, queued.id, values, only_if_status=saving)
    assert await get(database, queued.id) == queued
    either = {ImageStatus.QUEUED, ImageStatus.ACTIVE}
    assert await database.write(images.update, queued.id, values, only_if_status=either)


async def test_transition(database: Database) -> None:
    saving = image(status=ImageStatus.SAVING, name="n")

    def activate(conn: Connection) -> bool:
        before, after = {ImageStatus.SAVING, ImageStatus.IMPORTING}, ImageStatus.ACTIVE
        return images.transition(conn, saving.id, before, after, size=3, updated_at=LATER)

    await database.write(images.insert, saving)
    assert await database.write(activate)
    assert not await database.write(activate)
    assert await get(database, saving.id) == replace(
        saving, status=ImageStatus.ACTIVE, size=3, updated_at=LATER
    )


async def test_of_many_that_change_the_status_one_wins(database: Database) -> None:
    queued = image()
    await database.write(images.insert, queued)

    async def claim() -> bool:
        values = {"status": ImageStatus.SAVING, "updated_at": LATER}
        return await database.write(
            images.update, queued.id, values, only_if_status={ImageStatus.QUEUED}
        )

    won = await asyncio.gather(*(claim() for _ in range(20)))
    assert sorted(won) == [False] * 19 + [True]


async def test_a_deletion_hides_the_image_and_marks_its_children(database: Database) -> None:
    shared = replace(FULL, visibility=Visibility.SHARED)

    def fill(conn: Connection) -> None:
        images.insert(conn, shared)
        members.insert(conn, member(shared.id, "two"))

    def marks(conn: Connection) -> set[tuple[bool, datetime | None]]:
        found: set[tuple[bool, datetime | None]] = set()
        for child in (image_properties, image_tags, image_locations, image_members):
            found |= {
                tuple(row) for row in conn.execute(select(child.c.deleted, child.c.deleted_at))
            }
        assert set(conn.execute(select(image_locations.c.status)).scalars()) == {"deleted"}
        return found

    await database.write(fill)
    queued = {ImageStatus.QUEUED}
    assert not await database.write(images.soft_delete, shared.id, LATER, queued)
    assert await get(database, shared.id) is not None
    active = {ImageStatus.ACTIVE}
    assert await database.write(images.soft_delete, shared.id, LATER, active)
    assert await get(database, shared.id) is None
    assert await get(database, shared.id, include_pending_delete=True) is None
    assert await database.read(marks) == {(True, LATER)}
    assert not await database.write(images.soft_delete, shared.id, LATER, active)
    assert not await database.write(images.update, shared.id, {"name": "x", "updated_at": LATER})


async def test_an_image_whose_data_is_being_removed(database: Database) -> None:
    going = replace(FULL, status=ImageStatus.PENDING_DELETE)
    await database.write(images.insert, going)
    assert await get(database, going.id) is None
    found = await get(database, going.id, include_pending_delete=True)
    assert found is not None
    assert len(found.locations) == 2


async def test_usage_is_size_times_copies(database: Database) -> None:
    copies = (Location("file:///a"), Location("file:///b"))

    def fill(conn: Connection) -> None:
        images.insert(conn, image(size=10, locations=copies))
        images.insert(conn, image(size=7, locations=copies[:1]))
        images.insert(conn, image(size=100))
        images.insert(conn, image(size=None, locations=copies))
        images.insert(conn, image(size=1000, locations=copies, owner="two"))
        images.insert(conn, image(size=1000, locations=copies, status=ImageStatus.KILLED))
        gone = image(size=1000, locations=copies)
        images.insert(conn, gone)
        images.soft_delete(conn, gone.id, MOMENT, {ImageStatus.QUEUED})
        partly = image(size=3, locations=copies)
        images.insert(conn, partly)
        locations.remove(conn, copies_of(conn, partly.id)[0].id or 0)

    await database.write(fill)
    assert await database.read(images.usage, "one") == 10 * 2 + 7 + 3
    assert await database.read(images.usage, "nobody") == 0


async def test_a_row_without_time_of_change(database: Database) -> None:
    old = image()

    def fill(conn: Connection) -> None:
        images.insert(conn, old)
        conn.execute(update(table).values(updated_at=None))

    await database.write(fill)
    found = await get(database, old.id)
    assert found is not None
    assert found.updated_at == old.created_at


@pytest.mark.parametrize("name", ["\ud800", None], ids=["surrogate", "size"])
async def test_values_that_the_database_cannot_hold(database: Database, name: str | None) -> None:
    wrong = image(name=name) if name else image(size=2**63)
    with pytest.raises(Invalid):
        await database.write(images.insert, wrong)
    assert await database.read(images.get, wrong.id) is None
