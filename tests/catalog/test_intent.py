"""What an operation is about to do to bytes: the row, the mark, and the clean-up."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection

import imagestore
from imagestore.backends import errors
from imagestore.catalog import intent as module
from imagestore.catalog.intent import Intent, Intents
from imagestore.database import images, journal
from imagestore.database.journal import EntryKind
from imagestore.model.errors import Conflict
from imagestore.model.image import ImageStatus
from tests.catalog.conftest import ALICE, DATA, House, blocks_of

DEAD = "vm/boot/1/1/1"
"""A process that is not there any more."""


def test_no_other_module_opens_rows_of_the_journal() -> None:
    """Or it could forget to mark them, and recovery would remove bytes that are being written."""
    root = Path(imagestore.__file__).parent
    opening = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr.startswith("open_")
        if isinstance(node.value, ast.Name) and node.value.id == "journal"
    }
    assert opening == {"catalog/intent.py"}


async def test_recovery_leaves_alone_what_is_under_way(house: House) -> None:
    image = await house.queued()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> module.AsyncIterator[bytes]:
        yield DATA[:3]
        begun.set()
        await go_on.wait()
        yield DATA[3:]

    upload = asyncio.create_task(house.catalog.uploads.upload(ALICE, image.id, slow()))
    await begun.wait()
    assert [entry.kind for entry in await house.journal()] == [EntryKind.UPLOAD]
    assert await house.catalog.recovery.run() == 0
    go_on.set()
    await upload
    assert (await house.image(image.id)).status is ImageStatus.ACTIVE
    assert house.file("file1", image.id).read_bytes() == DATA
    assert await house.journal() == []
    assert house.deps.intents.under_way == set()


async def test_what_a_dead_process_left_is_undone(house: House) -> None:
    image = await house.queued()
    dead = Intent(Intents(house.database, house.deps.stores, DEAD))

    def claim(conn: Connection) -> None:
        images.transition(
            conn, image.id, {ImageStatus.QUEUED}, ImageStatus.SAVING, updated_at=image.updated_at
        )
        dead.upload(conn, image.id, "file1")

    await house.database.write(claim)
    await house.deps.stores.get("file1").add(image.id, blocks_of(DATA), len(DATA))
    assert await house.catalog.recovery.run() == 1
    assert not house.file("file1", image.id).exists()
    assert (await house.image(image.id)).status is ImageStatus.QUEUED
    assert await house.journal() == []


async def test_a_claim_that_is_refused_undoes_nothing(house: House) -> None:
    """It is another upload whose image it would put back."""
    undone: list[BaseException] = []

    async def undo(error: BaseException) -> None:
        undone.append(error)

    with pytest.raises(Conflict):
        async with house.deps.intents.intend() as intent:
            raise Conflict("refused")
    assert undone == []
    with pytest.raises(Conflict):
        async with house.deps.intents.intend() as intent:
            intent.if_failed(undo)
            raise Conflict("later")
    assert [str(error) for error in undone] == ["later"]


async def test_cancelling_does_not_cancel_the_clean_up(house: House) -> None:
    """And until it has ended recovery does not do the same beside it."""
    image = await house.queued()
    opened, cleaning, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    cleaned = asyncio.Event()

    async def operation() -> None:
        async with house.deps.intents.intend() as intent:
            entry = await house.database.write(intent.upload, image.id, "file1")

            async def undo(error: BaseException) -> None:
                cleaning.set()
                await go_on.wait()
                await house.deps.intents.undo(entry, image.id, None)
                cleaned.set()

            intent.if_failed(undo)
            opened.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(operation())
    await opened.wait()
    task.cancel()
    await cleaning.wait()
    task.cancel()  # who waits for the clean-up is gone too
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await house.catalog.recovery.run() == 0
    assert len(house.deps.intents.under_way) == 1
    go_on.set()
    await cleaned.wait()
    async with asyncio.timeout(30):
        while house.deps.intents.under_way:
            await asyncio.sleep(0)
    assert await house.journal() == []


async def test_a_clean_up_that_hangs_is_left_to_recovery(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLEANING", 0.05)
    image = await house.queued()

    async def hang(error: BaseException) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Conflict, match="the reason"):
        async with house.deps.intents.intend() as intent:
            await house.database.write(intent.copy, image.id, "file2")
            intent.if_failed(hang)
            raise Conflict("the reason")
    assert [entry.store for entry in await house.journal()] == ["file2"]
    assert await house.catalog.recovery.run() == 1
    assert await house.journal() == []


async def test_what_was_there_before_stays(house: House) -> None:
    image = await house.queued()
    path = house.file("file1", image.id)
    path.write_bytes(b"somebody else's")
    with pytest.raises(Conflict, match="already holds data"):
        await house.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert path.read_bytes() == b"somebody else's"
    assert await house.journal() == []
    # Of another store the same error says nothing.
    store = house.deps.stores.get("file1")
    assert not module.left_nothing(errors.Exists("there", store="file2"), store)
    assert module.left_nothing(errors.Refused("away", store="file1"), store)


async def test_bytes_in_use_are_never_removed(house: House) -> None:
    """An image that was recorded after all, whose row another process had opened again."""
    image = await house.active()
    async with house.deps.intents.intend() as intent:
        entry = await house.database.write(intent.copy, image.id, "file1")
        await house.deps.intents.undo(entry, image.id, house.deps.stores.get("file1"))
    assert house.file("file1", image.id).read_bytes() == DATA
    assert await house.database.read(journal.entries) == []
