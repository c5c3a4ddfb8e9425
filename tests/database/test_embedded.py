"""What the embedded database does beyond the promises of all."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from imagestore.database import images
from imagestore.model.errors import ConfigurationError, Conflict, Unavailable
from tests.database import samples
from tests.database.samples import image


async def test_the_file_is_set_up_for_durability(tmp_path: Path) -> None:
    def pragmas(conn: Connection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {name: conn.scalar(text(f"PRAGMA {name}")) for name in names}

    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}
    for driver in ("sqlite", "sqlite+aiosqlite"):
        async with samples.opened(samples.url(tmp_path, driver)) as database:
            assert await database.read(pragmas) == wanted
            assert await database.write(pragmas) == wanted


async def test_writes_that_wait_share_a_commit(tmp_path: Path) -> None:
    async with samples.opened(samples.url(tmp_path)) as database:
        began, go = threading.Event(), threading.Event()
        transactions: list[int] = []

        def wait(conn: Connection) -> None:
            began.set()
            go.wait(10)

        def note(conn: Connection, name: str) -> None:
            driver = conn.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            images.insert(conn, image(name=name))
            # Data of others of the same, not yet committed, transaction is seen.
            transactions.append(conn.scalar(text("SELECT count(*) FROM images")) or 0)
            if name == "3":
                raise Conflict(name)

        first = asyncio.ensure_future(database.write(wait))
        await asyncio.to_thread(began.wait, 10)
        others = [asyncio.ensure_future(database.write(note, str(n))) for n in range(6)]
        await asyncio.sleep(0)
        before = commits(tmp_path)
        go.set()
        await first
        outcomes = await asyncio.gather(*others, return_exceptions=True)
        assert [type(one) for one in outcomes] == [type(None)] * 3 + [Conflict] + [type(None)] * 2
        assert transactions == [1, 2, 3, 4, 4, 5]
        assert commits(tmp_path) - before == 1


def commits(path: Path) -> int:
    """A number that grows with each commit of another connection than its own."""
    connection = sqlite3.connect(f"file:{path / 'images.sqlite'}?mode=ro", uri=True)
    try:
        # The frames of the log that end a transaction carry the size of the file.
        log = (path / "images.sqlite-wal").read_bytes()
        page = 4096
        frames = [log[at : at + 24] for at in range(32, len(log), page + 24)]
        return sum(int.from_bytes(frame[4:8], "big") > 0 for frame in frames)
    finally:
        connection.close()


async def test_two_processes_worth_of_writers(tmp_path: Path) -> None:
    connection = samples.url(tmp_path)
    async with samples.opened(connection) as one, samples.opened(connection) as two:
        many = [image() for _ in range(60)]
        await asyncio.gather(
            *((one, two)[number % 2].write(images.insert, made) for number, made in enumerate(many))
        )
        for made in many:
            assert await two.read(images.get, made.id) is not None


async def test_it_opens_again_after_it_was_closed(tmp_path: Path) -> None:
    mine = image()
    async with samples.opened(samples.url(tmp_path)) as database:
        await database.write(images.insert, mine)
        await database.close()
        await database.open()
        assert await database.read(images.get, mine.id) is not None


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a directory"):
        async with samples.opened(samples.url(tmp_path / "missing")):
            pass


async def test_a_database_that_is_closed(tmp_path: Path) -> None:
    async with samples.opened(samples.url(tmp_path)) as database:
        await database.close()
        with pytest.raises(Unavailable, match="closed"):
            await database.read(images.get, "any")
        with pytest.raises(Unavailable, match="closed"):
            await database.write(images.insert, image())


async def test_threads_end_with_the_database(tmp_path: Path) -> None:
    of_others = set(threading.enumerate())
    async with samples.opened(samples.url(tmp_path)) as database:
        await database.write(images.insert, image())
        own = set(threading.enumerate()) - of_others
        assert any(one.name.startswith("database-") for one in own)
    assert not any(one.name.startswith("database-") and one.is_alive() for one in own)
