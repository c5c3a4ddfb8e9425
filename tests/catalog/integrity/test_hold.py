"""After a restore: an older database beside newer stores, and the other way round.

A test for each that removes by itself; ``docs/backup.md`` says what an operator does.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select

from imagestore.config.settings import Database, Scrubber, Settings
from imagestore.database import images, journal
from imagestore.database.journal import EntryKind
from imagestore.database.schema import image_locations, metadata
from imagestore.database.schema import peer_version as version
from imagestore.model.clock import now
from imagestore.model.errors import Unavailable
from imagestore.model.image import ImageStatus
from imagestore.model.job import ENDED
from imagestore.workers.runner import JobRunner
from tests.catalog.conftest import ALICE, DATA, House, blocks_of, opened
from tests.catalog.integrity.test_patrol import FLIPPED, patrol, stored
from tests.catalog.locations.test_moved import lost, on_patrol, read
from tests.database import samples
from tests.service.conftest import settings_in
from tests.services.databases import DIALECTS, mariadb, postgresql, url_of

__all__ = ["mariadb", "postgresql"]

DEAD = "dead-machine:1:1"
SCRUB = Scrubber(delayed_delete=True, scrub_time=0, orphan_grace=0, orphan_delete=True)


Backup = Path | list[tuple[Table, list[dict[str, Any]]]]
"""A file of SQLite, or the rows of each table."""


def file_of(settings: Settings) -> Path | None:
    url = settings.database.connection
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else None


async def back_up(house: House, to: Path) -> Backup:
    """As ``sqlite3 imagestore.sqlite '.backup …'`` does, or a dump in one transaction, of a service
    that runs."""
    if file := file_of(house.deps.settings):
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)
        return to

    def rows(conn: Connection) -> Backup:
        return [
            (table, [dict(row) for row in conn.execute(select(table)).mappings()])
            for table in metadata.sorted_tables
        ]

    return await house.database.read(rows)


async def restore(settings: Settings, backup: Backup) -> None:
    if isinstance(backup, Path):
        file = file_of(settings)
        assert file is not None
        for end in ("-wal", "-shm"):
            file.with_name(file.name + end).unlink(missing_ok=True)
        shutil.copy(backup, file)
        return

    def replace_rows(conn: Connection) -> None:
        for table, _ in reversed(backup):
            conn.execute(delete(table))
        for table, rows in backup:
            if rows:
                conn.execute(insert(table), rows)

    async with samples.opened(settings.database.connection, upgrade=False) as database:
        await database.write(replace_rows)


async def start(house: House) -> None:
    """What a service does before it serves."""
    await house.catalog.hold.notice()
    await house.catalog.recovery.run()


@pytest.fixture(params=DIALECTS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    database = Database(url_of(request, request.param, tmp_path), auto_upgrade=True)
    return settings_in(tmp_path, database=database, scrubber=SCRUB)


async def begun(house: House) -> str:
    """An image whose upload goes on, in another process."""
    image = (await house.queued()).id

    def claim(conn: Connection) -> None:
        images.transition(conn, image, {ImageStatus.QUEUED}, ImageStatus.SAVING, updated_at=now())
        journal.open_upload(conn, journal.new_entry(), image, "file1", DEAD, now())

    await house.database.write(claim)
    return image


async def ended(house: House, image: str) -> None:
    """That upload ends: the image is active."""

    def give_back(conn: Connection) -> None:
        for entry in journal.entries(conn, DEAD):
            journal.close(conn, entry.id)
        images.transition(conn, image, {ImageStatus.SAVING}, ImageStatus.QUEUED, updated_at=now())

    await house.database.write(give_back)
    await house.catalog.uploads.upload(ALICE, image, blocks_of(DATA))


async def test_an_older_database_takes_nothing_from_newer_stores(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagestore.catalog.integrity.recovery.is_gone", lambda owner: True)
    async with opened(settings) as house:
        await start(house)
        kept, deleted = [(await house.active()).id for _ in range(2)]
        # At the time of the backup an upload goes on, and an image is deleted and kept for a while.
        uploaded = await begun(house)
        await house.catalog.deletions.delete(ALICE, deleted)
        older = await back_up(house, tmp_path / "older.sqlite")
        # Later the upload ends, the deletion is undone, another image comes.
        await ended(house, uploaded)
        await house.catalog.scrubber.restore(deleted)
        new = (await house.active()).id
        await house.catalog.hold.note()
        newer = await back_up(house, tmp_path / "newer.sqlite")

    await restore(settings, older)
    async with opened(settings) as house:
        await start(house)
        assert await house.catalog.hold.is_on()
        await every_worker(house)
        for image in (kept, deleted, uploaded, new):
            assert house.file("file1", image).read_bytes() == DATA, image
        # The half-done and the orphans are found and named.
        [entry] = await house.catalog.hold.begin()
        assert (entry.kind, entry.image_id) == (EntryKind.UPLOAD, uploaded)
        assert [one.image_id async for one in house.catalog.orphans.list()] == [new]
        assert [one.id for one, _ in await house.catalog.scrubber.pending()] == [deleted]
        assert await lost(house, everywhere=True) == []
        with pytest.raises(Unavailable, match="kept for now"):
            await house.catalog.recovery.clear(uploaded)

    # It was the wrong backup: with the newer one everything is there.
    await restore(settings, newer)
    async with opened(settings) as house:
        await start(house)
        assert not await house.catalog.hold.is_on()
        for image in (kept, deleted, uploaded, new):
            assert await read(house, image) == DATA

    # It was the right one after all: once it is said so, its word counts.
    await restore(settings, older)
    async with opened(settings) as house:
        await start(house)
        assert await house.catalog.hold.end()
        await house.catalog.recovery.run()
        await every_worker(house)
        assert house.file("file1", kept).exists()
        assert not house.file("file1", deleted).exists()
        assert not house.file("file1", uploaded).exists()
        assert (await house.image(uploaded)).status is ImageStatus.QUEUED
        await start(house)
        assert not await house.catalog.hold.is_on()


async def test_a_newer_database_names_what_older_stores_have_lost(
    settings: Settings, tmp_path: Path
) -> None:
    async with opened(settings) as house:
        await start(house)
        kept = (await house.active()).id
        shutil.copytree(settings.data_dir / "file1", tmp_path / "older-store")
        late = (await house.active()).id
        await house.catalog.hold.note()
    shutil.rmtree(settings.data_dir / "file1")
    (tmp_path / "older-store").rename(settings.data_dir / "file1")
    async with opened(settings) as house:
        await start(house)
        assert not await house.catalog.hold.is_on()
        assert [(one.image_id, one.reason) for one in await lost(house, everywhere=True)] == [
            (late, "missing")
        ]
        await on_patrol(house)
        assert [one.image_id for one in await house.catalog.patrol.damages()] == [late]
        assert await read(house, kept) == DATA
        # The row stays: a newer backup of the store may still have it.
        assert (await house.image(late)).status is ImageStatus.ACTIVE


async def test_a_held_patrol_repairs_nothing(working: House) -> None:
    image = await stored(working, copies=2)
    await working.catalog.hold.begin()
    await patrol(working)
    assert working.objects("first") == {image.id: FLIPPED}
    assert await working.catalog.patrol.damages()
    await working.catalog.hold.end()
    await patrol(working)
    assert working.objects("first") == {image.id: DATA}


async def test_another_database_or_an_empty_one_is_no_older_one(
    settings: Settings, tmp_path: Path
) -> None:
    async with opened(settings) as house:
        await start(house)
        await house.active()
        await house.catalog.hold.note()
    other = replace(settings.database, connection=f"sqlite:///{tmp_path}/other.sqlite")
    async with opened(replace(settings, database=other)) as house:
        await house.active()
        await start(house)
        assert not await house.catalog.hold.is_on()
    await restore(settings, [(each, []) for each in metadata.sorted_tables if each is not version])
    async with opened(settings) as house:
        await start(house)
        assert not await house.catalog.hold.is_on()


async def test_rows_that_are_purged_while_it_runs_do_not_look_like_a_restore(
    settings: Settings,
) -> None:
    async with opened(settings) as house:
        await start(house)
        first, last = [await house.active() for _ in range(2)]
        await house.catalog.hold.note()
        [location] = last.locations
        await house.database.write(
            lambda conn: conn.execute(
                delete(image_locations).where(image_locations.c.id == location.id)
            )
        )
        await house.catalog.hold.note()
    async with opened(settings) as house:
        await start(house)
        assert not await house.catalog.hold.is_on()
        assert await read(house, first.id) == DATA


async def every_worker(house: House) -> None:
    """Two rounds of everything that removes by itself."""
    jobs = house.catalog.jobs
    runner = asyncio.create_task(JobRunner(jobs, 2, look=0.02).run())
    for _ in range(2):
        await house.catalog.scrubber.ensure()
        job = await house.catalog.orphans.search()
        await house.catalog.recovery.run()
        await patrol(house)
        async with asyncio.timeout(60):
            while (await jobs.show(job.id)).state not in ENDED:
                await asyncio.sleep(0.02)
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
