from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from imagestore.config import settings
from imagestore.database import images
from imagestore.database.engine import Database
from imagestore.database.migrations import State
from imagestore.errors import ConfigurationError
from tests.database import samples

OPEN = """\
import asyncio, sys
from imagestore.config import settings
from imagestore.database.engine import Database

async def main():
    database = Database(settings.Database(sys.argv[1], auto_upgrade=True))
    sys.stdin.read(1)
    await database.open()
    await database.close()

asyncio.run(main())
"""


async def test_an_empty_database(tmp_path: Path) -> None:
    database = Database(settings.Database(samples.url(tmp_path)))
    await database.connect()
    try:
        assert await database.check() is State.EMPTY
        assert await database.version() is None
        await database.upgrade()
        assert await database.check() is State.OK
        assert await database.version() == "0002"
        await database.upgrade()
        assert await database.version() == "0002"
    finally:
        await database.close()


async def test_tables_are_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="imagestore db upgrade"):
        async with samples.opened(samples.url(tmp_path), upgrade=False):
            pass
    async with samples.opened(samples.url(tmp_path)):
        pass
    async with samples.opened(samples.url(tmp_path), upgrade=False) as database:
        assert await database.check() is State.OK


async def test_tables_of_a_newer_release(tmp_path: Path) -> None:
    async with samples.opened(samples.url(tmp_path)) as database:
        await database.write(set_version, "9999")
        assert await database.check() is State.AHEAD
        with pytest.raises(ConfigurationError, match="newer"):
            await database.upgrade()


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


async def test_processes_that_start_together(tmp_path: Path) -> None:
    connection = samples.url(tmp_path)
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", OPEN, connection),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(4)
    ]
    outputs = await asyncio.gather(*(process.communicate(b"x") for process in processes))
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors.decode()
    async with samples.opened(connection, upgrade=False) as database:
        assert await database.version() == "0002"
        await database.write(images.insert, samples.image())


def set_version(conn: Connection, revision: str) -> None:
    statement = text("UPDATE imagestore_alembic_version SET version_num = :revision")
    conn.execute(statement, {"revision": revision})
