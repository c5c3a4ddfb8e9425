from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import chain

import pytest
from sqlalchemy import Connection, select, update

from imagestore.database import images, properties
from imagestore.database.engine import Database
from imagestore.database.schema import image_properties
from imagestore.model.errors import Conflict
from imagestore.model.query import ImageQuery, Scope
from tests.database import samples
from tests.database.samples import MOMENT, image
from tests.services.databases import Server, execute


async def read(database: Database, image_id: str) -> dict[str, str]:
    row = await database.read(images.get, image_id)
    assert row is not None
    return row.image.properties


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"a": "1"}),
        ({"a": "1"}, {}),
        ({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "new", "d": "4"}),
        ({"A": "upper"}, {"a": "lower"}),
    ],
)
async def test_replace(database: Database, before: dict[str, str], after: dict[str, str]) -> None:
    mine, other = image(properties=before), image(properties=before)
    await database.write(images.insert, mine)
    await database.write(images.insert, other)
    await database.write(properties.replace, mine.id, before, after)
    assert await read(database, mine.id) == after
    assert await read(database, other.id) == before


async def test_what_stays_is_not_written(database: Database) -> None:
    mine = image(properties={"same": "1", "changed": "2"})

    def times(conn: Connection) -> dict[str, bool]:
        columns = image_properties.c
        rows = conn.execute(select(columns.name, columns.updated_at))
        return {name: updated_at > MOMENT for name, updated_at in rows}

    await database.write(images.insert, mine)
    await database.write(
        properties.replace, mine.id, mine.properties, {"same": "1", "changed": "3"}
    )
    assert await database.read(times) == {"same": False, "changed": True}


async def test_two_callers_who_change_different_names(database: Database) -> None:
    mine = image(properties={"a": "1", "b": "1"})
    await database.write(images.insert, mine)
    await database.write(properties.replace, mine.id, mine.properties, {"a": "2", "b": "1"})
    await database.write(properties.replace, mine.id, mine.properties, {"a": "1", "b": "2"})
    assert await read(database, mine.id) == {"a": "2", "b": "2"}


async def test_a_name_that_the_peer_deleted_is_revived(database: Database) -> None:
    mine = image(properties={"name": "old"})

    def mark(conn: Connection) -> None:
        images.insert(conn, mine)
        conn.execute(update(image_properties).values(deleted=True, deleted_at=MOMENT))

    await database.write(mark)
    assert await read(database, mine.id) == {}
    await database.write(properties.replace, mine.id, {}, {"name": "new"})
    assert await read(database, mine.id) == {"name": "new"}


async def test_names_that_differ_in_case_where_glance_made_the_table(mariadb: Server) -> None:
    url = await asyncio.to_thread(mariadb.fresh)
    async with samples.opened(url) as database:
        blind = "ALTER TABLE image_properties MODIFY name VARCHAR(255) COLLATE utf8_general_ci"
        await execute(url, blind)
        mine = image(properties={"a": "1"})
        await database.write(images.insert, mine)
        with pytest.raises(Conflict, match="case"):
            await database.write(properties.replace, mine.id, {"a": "1"}, {"a": "1", "A": "2"})
        assert await read(database, mine.id) == {"a": "1"}
        await database.write(properties.replace, mine.id, {"a": "1"}, {"A": "2"})
        assert await read(database, mine.id) == {"A": "2"}


@pytest.mark.parametrize("length", [1, 1024, 1025, 40_000])
async def test_a_page_holds_a_bounded_number_of_characters(database: Database, length: int) -> None:
    """It has fewer images than were asked for, but one at least, and says that more follow."""
    texts = {f"p{number}": "v" * length for number in range(5)}
    written = {one.id: one for one in (image(properties=dict(texts)) for _ in range(7))}
    for one in written.values():
        await database.write(images.insert, one)
    for most, sizes in ((0, [1] * 7), (3, [3, 3, 1]), (6, [6, 1]), (7, [7])):
        query, more, seen = ImageQuery(50), True, []
        while more:
            page, more = await database.read(
                images.select_page, Scope(None, is_admin=True), query, most * 5 * length
            )
            assert [one.properties for one in page] == [texts] * len(page)
            seen.append([one.id for one in page])
            query = replace(query, marker=page[-1].id)
        assert list(map(len, seen)) == sizes
        assert sorted(chain(*seen)) == sorted(written)
