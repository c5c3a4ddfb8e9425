"""Glance opens the database that we made, and we open Glance's."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Inspector, create_engine, inspect

from imagestore.database import images, locations, members, properties, quotas, tags
from imagestore.database.engine import Database
from imagestore.database.migrations import State
from imagestore.model.errors import ConfigurationError, Conflict
from imagestore.model.image import ImageStatus, Location, MemberStatus, Visibility
from imagestore.model.query import ImageQuery, Scope
from tests.database import samples
from tests.database.peer import Peer
from tests.database.samples import LATER, copies_of, image, member

pytestmark = pytest.mark.slow

OURS = "imagestore_"


@pytest.fixture(scope="session")
def venv() -> Path:
    # Made by its first use, which takes a minute; other tests do without.
    from tests.services import glance

    return glance.venv()


@pytest.fixture(scope="session")
def synced(venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty database that ``glance-manage db sync`` made."""
    directory = tmp_path_factory.mktemp("peer")
    Peer.on(venv, directory, samples.url(directory)).sync()
    return directory / "images.sqlite"


@pytest.fixture
def of_peer(synced: Path, tmp_path: Path) -> str:
    """The URL of a database as the peer made it."""
    target = tmp_path / "images.sqlite"
    target.write_bytes(synced.read_bytes())
    return f"sqlite:///{target}"


@pytest.fixture
def peer(venv: Path, tmp_path: Path) -> Peer:
    return Peer.on(venv, tmp_path, samples.url(tmp_path))


def facts(connection: str) -> dict[str, Any]:
    """All tables but ours, with all that can be found out about them."""
    engine: Engine = create_engine(connection)
    found: Inspector = inspect(engine)
    try:
        return {
            table: {
                "columns": {
                    column["name"]: {
                        "type": str(column["type"]),
                        "nullable": column["nullable"],
                        "default": column["default"],
                    }
                    for column in found.get_columns(table)
                },
                "primary key": found.get_pk_constraint(table),
                "indexes": {
                    index["name"]: (index["column_names"], index["unique"])
                    for index in found.get_indexes(table)
                    if not str(index["name"]).startswith(OURS)
                },
                "unique": sorted(
                    (str(one["name"]), one["column_names"])
                    for one in found.get_unique_constraints(table)
                ),
                "foreign keys": sorted(
                    (str(key["name"]), key["constrained_columns"], key["referred_table"],
                     key["referred_columns"], key["options"])
                    for key in found.get_foreign_keys(table)
                ),
                "checks": sorted(str(one["sqltext"]) for one in found.get_check_constraints(table)),
            }
            for table in found.get_table_names()
            if not table.startswith(OURS)
        }  # fmt: skip
    finally:
        engine.dispose()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
async def test_our_tables_are_those_of_the_peer(of_peer: str, tmp_path: Path) -> None:
    mine = samples.url(tmp_path / "mine")
    (tmp_path / "mine").mkdir()
    async with samples.opened(mine):
        pass
    theirs, ours = facts(of_peer), facts(mine)
    assert set(theirs) == set(ours)
    assert len(theirs) > 15
    for table, fact in theirs.items():
        assert ours[table] == fact


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
async def test_the_peer_finds_nothing_to_do(peer: Peer, tmp_path: Path) -> None:
    connection = samples.url(tmp_path)
    async with samples.opened(connection):
        pass
    before = facts(connection)
    checked = peer.manage("db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "up to date" in checked.stdout
    assert "up to date" in peer.sync()
    assert peer.manage("db", "version").stdout.strip() == "2024_1_contract01"
    assert facts(connection) == before
    async with samples.opened(connection, upgrade=False) as database:
        assert await database.check() is State.OK


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
async def test_a_database_of_the_peer_only_gains(of_peer: str, tmp_path: Path) -> None:
    before = facts(of_peer)
    with pytest.raises(ConfigurationError, match="db upgrade"):
        async with samples.opened(of_peer, upgrade=False):
            pass
    async with samples.opened(of_peer) as database:
        assert await database.check() is State.OK
    assert facts(of_peer) == before
    mine = tmp_path / "mine"
    mine.mkdir()
    async with samples.opened(samples.url(mine)):
        pass
    assert own_objects(tmp_path / "images.sqlite") == own_objects(mine / "images.sqlite")


def own_objects(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE name LIKE 'imagestore%'"
        ).fetchall()
    finally:
        connection.close()
    return {name: " ".join(sql.split()) for name, sql in rows}


async def test_an_older_glance_is_named(of_peer: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "images.sqlite")
    connection.execute("UPDATE alembic_version SET version_num = 'zed_contract01'")
    connection.commit()
    connection.close()
    for upgrade in (False, True):
        with pytest.raises(ConfigurationError, match="Glance 33"):
            async with samples.opened(of_peer, upgrade=upgrade):
                pass


async def test_the_peer_reads_what_we_wrote(peer: Peer, tmp_path: Path) -> None:
    mine = image(
        name="ours – ü",
        status=ImageStatus.ACTIVE,
        size=10,
        checksum="c0ffee",
        properties={"kept": "1", "removed": "2"},
        tags=("kept", "removed"),
        locations=(Location("file:///a", {"store": "files"}), Location("file:///b")),
    )
    gone = image()
    async with samples.opened(samples.url(tmp_path)) as database:
        for one in (mine, gone):
            await database.write(images.insert, one)
        await database.write(members.insert, member(mine.id, "two"))
        await database.write(members.set_status, mine.id, "two", MemberStatus.ACCEPTED, LATER)
        await database.write(members.insert, member(mine.id, "three"))
        await database.write(members.remove, mine.id, "three")
        await database.write(properties.replace, mine.id, mine.properties, {"kept": "new"})
        await database.write(tags.remove, mine.id, "removed")
        [_, second] = await database.read(copies_of, mine.id)
        await database.write(locations.remove, second.id or 0)
        await database.write(images.soft_delete, gone.id, LATER, {ImageStatus.QUEUED})

    [seen], [membership] = peer.call(
        ("image_get_all", {"return_tag": True, "filters": {"deleted": False}}),
        ("image_member_find", {"image_id": mine.id}),
    )
    assert seen["id"] == mine.id
    assert seen["name"] == "ours – ü"
    assert (seen["status"], seen["visibility"], seen["size"]) == ("active", "shared", 10)
    assert seen["created_at"] == str(mine.created_at)
    assert seen["tags"] == ["kept"]
    assert [(p["name"], p["value"]) for p in seen["properties"] if not p["deleted"]] == [
        ("kept", "new")
    ]
    [location] = seen["locations"]
    assert (location["url"], location["metadata"], location["status"]) == (
        "file:///a", {"store": "files"}, "active",
    )  # fmt: skip
    assert (membership["member"], membership["status"]) == ("two", "accepted")
    purged = peer.manage("db", "purge", "--age_in_days", "1")
    assert purged.returncode == 0, purged.stderr


async def test_we_read_and_change_what_the_peer_wrote(
    peer: Peer, of_peer: str, tmp_path: Path
) -> None:
    first, second = (f"a1b2c3d4-0000-4000-8000-00000000000{number}" for number in (1, 2))
    created, *_ = peer.call(
        ("image_create", {"values": {
            "id": first,
            "status": "active",
            "name": "theirs",
            "owner": "one",
            "visibility": "shared",
            "size": 7,
            "properties": {"kept": "1", "revived": "2"},
            "locations": [{"url": "file:///x", "metadata": {"store": "s"}, "status": "active"}],
        }}),
        ("image_create", {"values": {"id": second, "status": "queued", "owner": "one"}}),
        ("image_destroy", {"image_id": second}),
        ("image_tag_set_all", {"image_id": first, "tags": ["kept", "removed"]}),
        ("image_tag_delete", {"image_id": first, "value": "removed"}),
        ("image_member_create", {"values": {
            "image_id": first, "member": "two", "status": "accepted",
        }}),
        ("image_update", {
            "image_id": first, "values": {"properties": {"kept": "1"}}, "purge_props": True,
        }),
    )  # fmt: skip

    async with samples.opened(of_peer) as database:
        [seen], _ = await database.read(images.select_page, Scope("two"), ImageQuery(10))
        assert (seen.id, seen.name, seen.size) == (first, "theirs", 7)
        assert (seen.status, seen.visibility) == (ImageStatus.ACTIVE, Visibility.SHARED)
        assert str(seen.created_at) == created["created_at"]
        assert (seen.properties, seen.tags) == ({"kept": "1"}, ("kept",))
        assert [(place.url, place.store) for place in seen.locations] == [("file:///x", "s")]
        assert await database.read(quotas.size_total, "one") == 7
        assert await database.read(images.get, second) is None
        with pytest.raises(Conflict):
            await database.write(images.insert, image(id=second))
        await change(database, first)

    [again], tagged, _ = peer.call(
        ("image_get_all", {"filters": {"deleted": False}}),
        ("image_tag_get_all", {"image_id": first}),
        ("image_destroy", {"image_id": first}),
    )
    names = {p["name"]: p["value"] for p in again["properties"] if not p["deleted"]}
    assert names == {"revived": "3"}
    assert tagged == ["kept", "removed"]
    async with samples.opened(of_peer, upgrade=False) as database:
        assert await database.read(images.get, first) is None


async def change(database: Database, image_id: str) -> None:
    await database.write(properties.replace, image_id, {"kept": "1"}, {"revived": "3"})
    await database.write(tags.add, image_id, "removed")
    row = await database.read(images.get, image_id)
    assert row is not None
    assert row.image.properties == {"revived": "3"}
