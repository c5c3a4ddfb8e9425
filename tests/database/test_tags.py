from __future__ import annotations

from sqlalchemy import Connection, update

from imagestore.database import images, tags
from imagestore.database.engine import Database
from imagestore.database.schema import image_tags
from tests.database.samples import MOMENT, image


async def read(database: Database, image_id: str) -> tuple[str, ...]:
    row = await database.read(images.get, image_id)
    assert row is not None
    return row.image.tags


async def test_add_and_remove(database: Database) -> None:
    mine, other = image(tags=("a",)), image(tags=("a",))
    await database.write(images.insert, mine)
    await database.write(images.insert, other)
    assert await database.write(tags.add, mine.id, "b")
    assert not await database.write(tags.add, mine.id, "b")
    assert not await database.write(tags.add, mine.id, "a")
    assert await read(database, mine.id) == ("a", "b")
    assert await database.write(tags.remove, mine.id, "a")
    assert not await database.write(tags.remove, mine.id, "a")
    assert await read(database, mine.id) == ("b",)
    assert await read(database, other.id) == ("a",)


async def test_replace(database: Database) -> None:
    mine = image(tags=("a", "b"))
    await database.write(images.insert, mine)
    await database.write(tags.replace, mine.id, mine.tags, ("c", "b", "c"))
    assert await read(database, mine.id) == ("b", "c")
    await database.write(tags.replace, mine.id, ("b", "c"), ())
    assert await read(database, mine.id) == ()


async def test_tags_that_the_peer_deleted_are_gone(database: Database) -> None:
    mine = image(tags=("a",))

    def mark(conn: Connection) -> None:
        images.insert(conn, mine)
        conn.execute(update(image_tags).values(deleted=True, deleted_at=MOMENT))

    await database.write(mark)
    assert await read(database, mine.id) == ()
    assert not await database.write(tags.remove, mine.id, "a")
    assert await database.write(tags.add, mine.id, "a")
    assert await read(database, mine.id) == ("a",)


async def test_a_tag_that_the_peer_wrote_twice_is_one(database: Database) -> None:
    mine = image(tags=("a",))

    def twice(conn: Connection) -> None:
        images.insert(conn, mine)
        tags.insert(conn, mine.id, ("a",), MOMENT)

    await database.write(twice)
    assert await read(database, mine.id) == ("a",)
    assert await database.write(tags.remove, mine.id, "a")
    assert await read(database, mine.id) == ()
