from __future__ import annotations

import asyncio
import sqlite3
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import Connection, make_url, text

from imagestore.config import settings
from imagestore.database import images
from imagestore.database import jobs as rows
from imagestore.database.engine import Database
from imagestore.database.migrations import State
from imagestore.database.migrations.lock import hold
from imagestore.database.schema import job_gates, jobs, metadata, tombstones
from imagestore.model.errors import ConfigurationError, Conflict
from imagestore.model.image import Image
from tests.database import samples
from tests.services import forks
from tests.services.databases import Server

forks.preload("imagestore.config.settings", "imagestore.database.engine")


def open_with_others(url: str, together: Barrier) -> None:
    async def main() -> None:
        database = Database(settings.Database(url, auto_upgrade=True))
        together.wait()
        await database.open()
        await database.close()

    asyncio.run(main())


async def test_an_empty_database(fresh_url: str) -> None:
    database = Database(settings.Database(fresh_url))
    await database.connect()
    try:
        assert await database.check() is State.EMPTY
        assert await database.version() is None
        await database.upgrade()
        assert await database.check() is State.OK
        assert await database.version() == "0009"
        await database.upgrade()
        assert await database.version() == "0009"
    finally:
        await database.close()


async def test_tables_are_made_only_when_asked(fresh_url: str) -> None:
    with pytest.raises(ConfigurationError, match="imagestore db upgrade"):
        async with samples.opened(fresh_url, upgrade=False):
            pass
    async with samples.opened(fresh_url):
        pass
    async with samples.opened(fresh_url, upgrade=False) as database:
        assert await database.check() is State.OK


async def test_tables_of_a_newer_release(fresh_url: str) -> None:
    async with samples.opened(fresh_url) as database:
        await database.write(set_version, "9999")
        assert await database.check() is State.AHEAD
        with pytest.raises(ConfigurationError, match="newer"):
            await database.upgrade()


async def test_tables_of_a_newer_release_that_only_added_something(fresh_url: str) -> None:
    """A node of the release before is started again: the way back."""
    mine = samples.image()
    async with samples.opened(fresh_url) as database:
        await database.write(set_version, "0999")
    async with samples.opened(fresh_url) as database:
        assert await database.check() is State.NEWER
        await database.write(images.insert, mine)
        await database.upgrade()
        assert await database.version() == "0999"


async def test_what_only_older_nodes_need_is_dropped_when_asked(fresh_url: str) -> None:
    old = "imagestore_images_visible"

    def as_the_older_release_made_it(conn: Connection) -> None:
        conn.execute(text(f"CREATE INDEX {old} ON images (visibility)"))

    async with samples.opened(fresh_url) as database:
        await database.write(as_the_older_release_made_it)
        await database.upgrade()
        assert await database.contract() == [old]
        assert await database.contract() == []
        await database.write(set_version, "0001")
        with pytest.raises(ConfigurationError, match="db upgrade"):
            await database.contract()


async def test_tables_of_the_first_release(fresh_url: str) -> None:
    mine = samples.image()

    def undo(conn: Connection) -> None:
        for table in (jobs, job_gates, tombstones):
            table.drop(conn)
        set_version(conn, "0001")

    async with samples.opened(fresh_url) as database:
        await database.write(images.insert, mine)
        await database.write(undo)
        assert await database.check() is State.BEHIND
        await database.upgrade()
        assert await database.check() is State.OK
        assert await database.read(rows.counts) == {}
        assert await database.read(images.get, mine.id) is not None


async def test_the_tables_of_glance_are_called_so(fresh_url: str) -> None:
    def only_glance(conn: Connection) -> None:
        for table in reversed(metadata.sorted_tables):
            if table.name.startswith("imagestore_"):
                table.drop(conn)
        conn.execute(text("DROP TABLE imagestore_alembic_version"))

    async with samples.opened(fresh_url) as database:
        await database.write(only_glance)
        state = await database.check()
        assert state is State.GLANCE
        assert "those of Glance 33" in state.advice
        await database.upgrade()
        assert await database.check() is State.OK


async def test_an_upgrade_that_was_cut_off_goes_on(fresh_url: str) -> None:
    """Where tables are not made in a transaction, some may be there without the rest."""
    async with samples.opened(fresh_url) as database:
        await database.write(lambda conn: tombstones.drop(conn))
        await database.write(
            lambda conn: conn.execute(text("DELETE FROM imagestore_alembic_version"))
        )
        assert await database.check() is State.BEHIND
        await database.upgrade()
        assert await database.check() is State.OK
        with pytest.raises(Conflict):
            await database.write(bury_and_insert, samples.image())


@pytest.fixture
def mariadb_url(mariadb: Server) -> str:
    return mariadb.emptied()


def bury_and_insert(conn: Connection, image: Image) -> None:
    conn.execute(tombstones.insert().values(image_id=image.id, purged_at=samples.MOMENT))
    images.insert(conn, image)


async def test_an_upgrade_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    connection = sqlite3.connect(path)
    # In the way of an index that is made late.
    connection.execute("CREATE TABLE imagestore_tags_value (id INTEGER)")
    connection.commit()
    database = Database(settings.Database(samples.url(tmp_path)))
    await database.connect()
    try:
        with pytest.raises(Exception, match=r"imagestore_tags_value|does not answer"):
            await database.upgrade()
        assert await database.check() is State.EMPTY
    finally:
        await database.close()
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == [("imagestore_tags_value",)]


async def test_what_was_done_is_seen_when_the_lock_is_let_go(
    mariadb_url: str,
) -> None:
    """Its tables are seen before the transaction ends, so its rows have to be as well."""
    at = make_url(mariadb_url)

    def change_and_look(conn: Connection) -> str:
        with hold(conn):
            conn.exec_driver_sql("INSERT INTO imagestore_job_gates VALUES ('seen')")
        other = pymysql.connect(
            host=at.host, port=at.port, user=at.username, password=at.password, database=at.database
        )
        with other, other.cursor() as cursor:
            cursor.execute("SELECT kind FROM imagestore_job_gates")
            return str(cursor.fetchone()[0])

    async with samples.opened(mariadb_url, upgrade=False) as database:
        assert await database.write(change_and_look) == "seen"


async def test_processes_that_start_together(fresh_url: str) -> None:
    together = forks.context.Barrier(4)
    processes = [
        forks.context.Process(target=open_with_others, args=(fresh_url, together)) for _ in range(4)
    ]
    for one in processes:
        one.start()
    for one in processes:
        await asyncio.to_thread(one.join)
    assert [one.exitcode for one in processes] == [0] * 4  # why not is on the standard error
    async with samples.opened(fresh_url, upgrade=False) as database:
        assert await database.version() == "0009"
        await database.write(images.insert, samples.image())


def set_version(conn: Connection, revision: str) -> None:
    statement = text("UPDATE imagestore_alembic_version SET version_num = :revision")
    conn.execute(statement, {"revision": revision})
