"""Glance's databases on servers: its tables are ours, and either opens what the other made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from imagestore.database import images, properties, tags, urls
from imagestore.database.migrations import State
from imagestore.model.errors import Conflict
from imagestore.model.image import ImageStatus
from imagestore.model.query import ImageQuery, Scope
from tests.database import samples
from tests.database.peer import Peer
from tests.database.samples import image
from tests.services.databases import Server

OURS = "imagestore_"

pytestmark = pytest.mark.filterwarnings("ignore:.*expression-based index")


@pytest.fixture(params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def venv() -> Path:
    from tests.services import glance

    return glance.venv_with_drivers()


def facts(conn: Connection) -> dict[str, Any]:
    """All tables but ours. Names that the server makes up are left aside, and collations."""
    found = inspect(conn)
    return {
        table: {
            "columns": {
                column["name"]: (
                    str(column["type"]).partition(" COLLATE")[0].partition(" CHARSET")[0],
                    column["nullable"],
                )
                for column in found.get_columns(table)
            },
            "primary key": found.get_pk_constraint(table)["constrained_columns"],
            "indexes": {
                index["name"]: (index["column_names"], index["unique"])
                for index in found.get_indexes(table)
                if not str(index["name"]).startswith(OURS)
            },
            "foreign keys": sorted(
                (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in found.get_foreign_keys(table)
            ),
        }
        for table in found.get_table_names()
        if not table.startswith(OURS)
    }


async def facts_of(url: str) -> dict[str, Any]:
    engine = create_async_engine(urls.parse(url))
    try:
        async with engine.connect() as conn:
            return await conn.run_sync(facts)
    finally:
        await engine.dispose()


@pytest.fixture
def theirs(server: Server) -> str:
    return server.fresh()


@pytest.fixture
def ours(server: Server) -> str:
    return server.fresh()


async def test_tables_are_the_same(venv: Path, tmp_path: Path, theirs: str, ours: str) -> None:
    peer = Peer.on(venv, tmp_path, theirs)
    peer.sync()
    async with samples.opened(ours):
        pass
    of_peer, mine = await facts_of(theirs), await facts_of(ours)
    assert set(of_peer) == set(mine)
    assert len(of_peer) > 15
    for table, fact in of_peer.items():
        assert mine[table] == fact, table
    # And to Glance nothing is left to do.
    peer = Peer.on(venv, tmp_path, ours)
    peer.sync()
    assert peer.manage("db", "version").stdout.strip() == "2024_1_contract01"
    assert await facts_of(ours) == mine


async def test_a_database_of_the_peer_is_taken_over(
    venv: Path, tmp_path: Path, theirs: str
) -> None:
    peer = Peer.on(venv, tmp_path, theirs)
    peer.sync()
    first, second = (f"a1b2c3d4-0000-4000-8000-00000000000{number}" for number in (1, 2))
    peer.call(
        ("image_create", {"values": {
            "id": first, "status": "active", "name": "theirs – ü", "owner": "one", "size": 7,
            "visibility": "shared", "properties": {"kept": "1", "removed": "2"},
            "locations": [{"url": "file:///x", "metadata": {"store": "s"}, "status": "active"}],
        }}),
        ("image_create", {"values": {"id": second, "status": "queued", "owner": "one"}}),
        ("image_destroy", {"image_id": second}),
        ("image_tag_set_all", {"image_id": first, "tags": ["t"]}),
    )  # fmt: skip
    before = await facts_of(theirs)
    mine = image(name="ours – ü", owner="one")
    async with samples.opened(theirs) as database:
        assert await database.check() is State.OK
        [seen], _ = await database.read(images.select_page, Scope("one"), ImageQuery(10))
        assert (seen.id, seen.name, seen.tags) == (first, "theirs – ü", ("t",))
        assert seen.properties == {"kept": "1", "removed": "2"}
        # Compared without regard to case where Glance made the table.
        assert await database.read(images.select_page, Scope("ONE"), ImageQuery(10)) == ([], False)
        with pytest.raises(Conflict):
            await database.write(images.insert, image(id=second))
        await database.write(properties.replace, first, seen.properties, {"kept": "new"})
        await database.write(tags.add, first, "T")
        await database.write(images.insert, mine)
    assert await facts_of(theirs) == before
    found, tagged = peer.call(
        ("image_get_all", {"filters": {"deleted": False}}),
        ("image_tag_get_all", {"image_id": first}),
    )
    by_id = {one["id"]: one for one in found}
    assert set(by_id) == {first, mine.id}
    assert by_id[mine.id]["name"] == "ours – ü"
    kept = {p["name"]: p["value"] for p in by_id[first]["properties"] if not p["deleted"]}
    assert kept == {"kept": "new"}
    assert sorted(tagged) == ["T", "t"]


async def test_a_deleted_image_is_gone_for_the_peer(venv: Path, tmp_path: Path, ours: str) -> None:
    gone = image(properties={"a": "1"})
    async with samples.opened(ours) as database:
        await database.write(images.insert, gone)
        await database.write(images.soft_delete, gone.id, samples.LATER, {ImageStatus.QUEUED})
    peer = Peer.on(venv, tmp_path, ours)
    assert peer.call(("image_get_all", {"filters": {"deleted": False}})) == [[]]
    purged = peer.manage("db", "purge", "--age_in_days", "1")
    assert purged.returncode == 0, purged.stderr
