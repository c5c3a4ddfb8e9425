"""What both ways of running operations promise."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from imagestore.config import settings
from imagestore.database import failures, images, sqlite
from imagestore.database.engine import Database
from imagestore.model.errors import ConfigurationError, Conflict, Unavailable
from imagestore.model.image import Image
from tests.database import samples
from tests.database.every_way import url
from tests.database.samples import LATER, image

__all__ = ["url"]

WRITE_AND_DIE = """\
import asyncio, os, sys
from tests.database import samples
from imagestore.database import images

async def main():
    async with samples.opened(sys.argv[1]) as database:
        async def write(number):
            made = samples.image(name=str(number))
            await database.write(images.insert, made)
            os.write(1, f"{made.id}\\n".encode())
            if number == 40:
                os.kill(os.getpid(), 9)
        await asyncio.gather(*(write(number) for number in range(80)))

asyncio.run(main())
"""


def insert_both(conn: Connection, *both: Image) -> None:
    for one in both:
        images.insert(conn, one)


async def test_an_operation_takes_place_whole_or_not_at_all(database: Database) -> None:
    taken, new = image(), image()
    await database.write(images.insert, taken)
    with pytest.raises(Conflict):
        await database.write(insert_both, new, taken)
    assert await database.read(images.get, new.id) is None


async def test_the_error_of_an_operation_is_raised(database: Database) -> None:
    def fail(conn: Connection) -> None:
        conn.execute(text("SELECT name FROM images"))
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await database.write(fail)
    with pytest.raises(LookupError, match="mine"):
        await database.read(fail)


async def test_one_failure_among_many_writes(database: Database) -> None:
    taken = image()
    await database.write(images.insert, taken)
    many = [image() for _ in range(20)]
    many[7].id = taken.id
    outcomes = await asyncio.gather(
        *(database.write(images.insert, one) for one in many), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Conflict]
    for one in many:
        assert await database.read(images.get, one.id) is not None


async def test_a_read_sees_one_moment(tmp_path: Path) -> None:
    mine = image(name="before")
    async with samples.opened(samples.url(tmp_path)) as database:
        await database.write(images.insert, mine)
        loop = asyncio.get_running_loop()

        def name_before_and_after_a_write(conn: Connection) -> tuple[str | None, str | None]:
            before = images.get(conn, mine.id)
            values = {"name": "after", "updated_at": LATER}
            asyncio.run_coroutine_threadsafe(
                database.write(images.update, mine.id, values), loop
            ).result(10)
            after = images.get(conn, mine.id)
            assert before is not None
            assert after is not None
            return before.image.name, after.image.name

        assert await database.read(name_before_and_after_a_write) == ("before", "before")
        row = await database.read(images.get, mine.id)
        assert row is not None
        assert row.image.name == "after"


async def test_what_was_submitted_is_done_before_it_closes(tmp_path: Path) -> None:
    many = [image() for _ in range(30)]
    async with samples.opened(samples.url(tmp_path)) as database:
        writes = [asyncio.ensure_future(database.write(images.insert, one)) for one in many]
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    async with samples.opened(samples.url(tmp_path)) as database:
        for one in many:
            assert await database.read(images.get, one.id) is not None


async def test_a_caller_who_goes_away_disturbs_nobody(database: Database) -> None:
    many = [image() for _ in range(20)]
    writes = [asyncio.ensure_future(database.write(images.insert, one)) for one in many]
    await asyncio.sleep(0)
    for write in writes[::2]:
        write.cancel()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert outcomes[1::2] == [None] * 10
    for one in many[1::2]:
        assert await database.read(images.get, one.id) is not None


async def test_a_file_that_another_program_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    monkeypatch.setattr(failures, "ATTEMPTS", 2)
    mine = image()
    async with samples.opened(samples.url(tmp_path)) as database:
        other = sqlite3.connect(tmp_path / "images.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await database.write(images.insert, mine)
        assert await database.read(images.get, mine.id) is None
        other.execute("ROLLBACK")
        other.close()
        await database.write(images.insert, mine)


@pytest.mark.parametrize("url", ["embedded", "pooled"], indirect=True)
async def test_a_lock_that_goes_away_is_waited_for(database: Database, tmp_path: Path) -> None:
    mine = image()
    other = sqlite3.connect(tmp_path / "images.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write = asyncio.ensure_future(database.write(images.insert, mine))
    await asyncio.sleep(0.2)
    assert not write.done()
    other.execute("ROLLBACK")
    other.close()
    await write


async def test_a_disk_that_is_full(tmp_path: Path) -> None:
    big = image(properties={f"big{number}": "x" * 60_000 for number in range(20)})
    async with samples.opened(samples.url(tmp_path)) as database:
        pages = await database.write(lambda conn: conn.scalar(text("PRAGMA page_count")))
        await database.write(lambda conn: conn.scalar(text(f"PRAGMA max_page_count = {pages}")))
        with pytest.raises(Unavailable):
            await database.write(images.insert, big)
        await database.write(lambda conn: conn.scalar(text("PRAGMA max_page_count = 1000000")))
        assert await database.read(images.get, big.id) is None
        await database.write(images.insert, big)


async def test_something_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "images.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError, match="no database of SQLite"):
        async with samples.opened(samples.url(tmp_path)):
            pass


@pytest.mark.slow
async def test_a_server_that_does_not_answer(unused_tcp_port: int) -> None:
    for driver in ("postgresql", "mysql"):
        connection = f"{driver}://user:secret@127.0.0.1:{unused_tcp_port}/images"
        database = Database(settings.Database(connection, max_retries=1))
        with pytest.raises(Unavailable) as raised:
            await database.open()
        assert "secret" not in str(raised.value)
        await database.close()


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    connection = samples.url(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", WRITE_AND_DIE, connection],
        capture_output=True,
        text=True,
        check=False,
    )
    acknowledged = done.stdout.split()
    assert done.returncode == -9, done.stderr
    assert len(acknowledged) >= 1
    async with samples.opened(connection) as database:
        for image_id in acknowledged:
            assert await database.read(images.get, image_id) is not None
