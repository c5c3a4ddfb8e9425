from __future__ import annotations

from sqlalchemy import Connection, select, update

from imagestore.database import images, locations
from imagestore.database.engine import Database
from imagestore.database.schema import image_locations
from imagestore.model.image import Location
from tests.database.samples import copies_of, image


async def test_copies_come_and_go(database: Database) -> None:
    mine = image()
    await database.write(images.insert, mine)
    first, second = Location("file:///a", {"store": "ä"}), Location("swift://b")
    await database.write(locations.add, mine.id, first)
    await database.write(locations.add, mine.id, second)
    found = await database.read(copies_of, mine.id)
    assert [(place.url, place.metadata, place.store) for place in found] == [
        ("file:///a", {"store": "ä"}, "ä"),
        ("swift://b", {}, None),
    ]
    ids = [place.id or 0 for place in found]
    assert await database.write(locations.set_status, ids[1], "pending_delete")
    assert await database.write(locations.remove, ids[0])
    assert not await database.write(locations.remove, ids[0])
    assert not await database.write(locations.set_status, ids[0], "active")
    row = await database.read(images.get, mine.id)
    assert row is not None
    assert [(place.url, place.status) for place in row.image.locations] == [
        ("swift://b", "pending_delete")
    ]


async def test_the_row_of_a_removed_copy_stays(database: Database) -> None:
    mine = image(locations=(Location("file:///a"),))

    def rows(conn: Connection) -> list[tuple[bool, str, bool]]:
        columns = image_locations.c
        found = conn.execute(select(columns.deleted, columns.status, columns.deleted_at))
        return [(deleted, status, deleted_at is not None) for deleted, status, deleted_at in found]

    await database.write(images.insert, mine)
    [place] = await database.read(copies_of, mine.id)
    await database.write(locations.remove, place.id or 0)
    assert await database.read(rows) == [(True, "deleted", True)]


async def test_metadata_may_be_null(database: Database) -> None:
    mine = image(locations=(Location("file:///a"),))

    def fill(conn: Connection) -> None:
        images.insert(conn, mine)
        conn.execute(update(image_locations).values(meta_data=None))

    await database.write(fill)
    [place] = await database.read(copies_of, mine.id)
    assert place.metadata == {}


async def test_a_copy_is_hidden_until_its_bytes_are_gone_or_not(database: Database) -> None:
    mine = image(locations=(Location("file:///a"), Location("file:///b")))
    await database.write(images.insert, mine)
    first, second = await database.read(copies_of, mine.id)
    assert first.id is not None
    assert not await database.write(locations.finish, first.id)
    assert await database.write(locations.hide, first.id)
    assert not await database.write(locations.hide, first.id)
    assert await database.read(copies_of, mine.id) == [second]
    [hidden] = await database.read(locations.select_hidden, mine.id)
    assert (hidden.id, hidden.url, hidden.status) == (first.id, "file:///a", "pending_delete")
    assert await database.write(locations.unhide, first.id)
    assert await database.read(copies_of, mine.id) == [first, second]
    await database.write(locations.hide, first.id)
    assert await database.write(locations.finish, first.id)
    assert not await database.write(locations.unhide, first.id)
    assert await database.read(locations.select_hidden, mine.id) == []
    assert await database.read(copies_of, mine.id) == [second]


async def test_metadata_is_changed_at_the_same_url_alone(database: Database) -> None:
    mine = image(locations=(Location("file:///a", {"store": "x"}),))
    await database.write(images.insert, mine)
    [place] = await database.read(copies_of, mine.id)
    moved = Location("file:///b", id=place.id)
    assert not await database.write(locations.set_metadata, moved, {"store": "y"})
    assert await database.write(locations.set_metadata, place, {"store": "ä"})
    [place] = await database.read(copies_of, mine.id)
    assert place.metadata == {"store": "ä"}


async def test_whether_another_image_has_a_url(database: Database) -> None:
    one, two = image(), image()
    for each in (one, two):
        await database.write(images.insert, each)
    number = await database.write(locations.add, one.id, Location("rbd://f/p/x/snap"))
    assert await database.read(locations.is_taken, "rbd://f/p/x/snap", two.id)
    assert not await database.read(locations.is_taken, "rbd://f/p/x/snap", one.id)
    assert not await database.read(locations.is_taken, "rbd://f/p/y/snap", two.id)
    (found,) = await database.read(copies_of, one.id)
    assert found.id == number
    assert await database.write(locations.remove, number)
    assert not await database.read(locations.is_taken, "rbd://f/p/x/snap", two.id)
