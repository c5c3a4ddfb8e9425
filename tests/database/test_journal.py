from __future__ import annotations

from datetime import timedelta

from imagestore.database import journal
from imagestore.database.engine import Database
from imagestore.database.journal import Entry, EntryKind
from imagestore.model.image import ImageStatus
from tests.database.samples import LATER, MOMENT


async def test_rows_are_opened_and_closed(database: Database) -> None:
    upload, deletion = journal.new_entry(), journal.new_entry()
    await database.write(journal.open_upload, upload, "image", "store", "host/1", MOMENT)
    active = ImageStatus.ACTIVE
    await database.write(journal.open_deletion, deletion, "other", active, "host/2", LATER)
    first = Entry(upload, EntryKind.UPLOAD, "image", "store", None, "host/1", MOMENT, MOMENT)
    second = Entry(deletion, EntryKind.DELETION, "other", "", active, "host/2", LATER, LATER)
    assert await database.read(journal.entries) == [first, second]
    assert await database.read(journal.entries, "host/2") == [second]
    assert await database.write(journal.close, upload)
    assert not await database.write(journal.close, upload)
    assert await database.read(journal.entries) == [second]


async def test_a_process_renews_all_its_rows(database: Database) -> None:
    for owner in ("mine", "mine", "other"):
        entry = journal.new_entry()
        await database.write(journal.open_upload, entry, "image", "store", owner, MOMENT)
    later = MOMENT + timedelta(seconds=10)
    assert await database.write(journal.renew, "mine", later) == 2
    renewed = {entry.owner: entry.renewed_at for entry in await database.read(journal.entries)}
    assert renewed == {"mine": later, "other": MOMENT}


async def test_of_two_who_take_a_row_over_one_wins(database: Database) -> None:
    entry = journal.new_entry()
    await database.write(journal.open_upload, entry, "image", "store", "dead", MOMENT)
    assert await database.write(journal.take, entry, "dead", "first", LATER)
    assert not await database.write(journal.take, entry, "dead", "second", LATER)
    [row] = await database.read(journal.entries)
    assert (row.owner, row.started_at, row.renewed_at) == ("first", MOMENT, LATER)


async def test_what_is_open(database: Database) -> None:
    upload, removal = journal.new_entry(), journal.new_entry()
    await database.write(journal.open_upload, upload, "image", "one", "mine", MOMENT)
    await database.write(journal.open_removal, removal, "image", "two", "mine", LATER)
    [_, row] = await database.read(journal.entries)
    assert row == Entry(removal, EntryKind.REMOVAL, "image", "two", None, "mine", LATER, LATER)
    assert await database.read(journal.is_busy, "image", "one")
    assert await database.read(journal.is_busy, "image", "two")
    assert not await database.read(journal.is_busy, "image", "three")
    assert not await database.read(journal.is_busy, "other", "one")
    assert await database.read(journal.is_open, upload)
    await database.write(journal.close, upload)
    assert not await database.read(journal.is_open, upload)
    assert not await database.read(journal.is_busy, "image", "one")
