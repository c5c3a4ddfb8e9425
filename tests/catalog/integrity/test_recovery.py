"""What a dead process left behind is put right; what a live one is doing is left alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Blocks
from imagestore.backends.testing.faulty import away, raising
from imagestore.catalog.integrity import recovery
from imagestore.database import images, journal
from imagestore.database.engine import Database
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, ImagestoreError, NotFound, Unavailable
from imagestore.model.image import Image, ImageStatus
from imagestore.supervisor import process_identity as process
from tests.catalog.conftest import ALICE, DATA, House, blocks_of

FAR = "elsewhere/boot/1/1/1"
"""A process of another machine."""
DEAD = "/".join([*process.identity().split("/")[:3], "1", "0"])
"""One of this machine that has ended."""


async def status_of(house: House, image: Image) -> ImageStatus:
    return (await house.image(image.id)).status


async def upload_as(house: House, owner: str, moment: Any) -> Image:
    """An image whose data another process is storing."""
    image = await house.queued()

    def begin(conn: Any) -> None:
        assert images.transition(conn, image.id, {ImageStatus.QUEUED}, ImageStatus.SAVING)
        journal.open_upload(conn, journal.new_entry(), image.id, "first", owner, moment)

    await house.database.write(begin)
    return image


def test_identities() -> None:
    me = process.identity()
    assert process.is_gone(me) is False
    assert process.is_gone(DEAD) is True
    host, _boot, *rest = me.split("/")
    assert process.is_gone("/".join([host, "an earlier boot", *rest])) is True
    assert process.is_gone(FAR) is None
    assert process.is_gone("nonsense") is None


@pytest.mark.parametrize("owner", [DEAD, FAR], ids=["dead", "far and silent"])
async def test_an_interrupted_upload_is_undone(remote: House, owner: str) -> None:
    image = await upload_as(remote, owner, now() - 2 * recovery.LEASE)
    remote.objects("first")[image.id] = b"half of it"
    assert await remote.catalog.recovery.run() == 1
    assert not remote.objects("first")
    assert not await remote.journal()
    assert await status_of(remote, image) is ImageStatus.QUEUED
    await remote.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert await remote.catalog.recovery.run() == 0


async def test_live_uploads_are_left_alone(remote: House) -> None:
    far = await upload_as(remote, FAR, now() - recovery.LEASE + timedelta(seconds=30))
    image = await remote.queued()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Blocks:
        yield DATA
        begun.set()
        await go_on.wait()

    upload = asyncio.create_task(remote.catalog.uploads.upload(ALICE, image.id, slow()))
    await begun.wait()
    assert await status_of(remote, image) is ImageStatus.SAVING
    assert await remote.catalog.recovery.run() == 0
    await remote.catalog.recovery.renew()
    go_on.set()
    await upload
    assert await status_of(remote, far) is ImageStatus.SAVING


async def test_an_image_that_became_active_is_not_touched(remote: House) -> None:
    image = await remote.active()
    entry = journal.new_entry()
    await remote.database.write(journal.open_upload, entry, image.id, "first", DEAD, now())
    assert await remote.catalog.recovery.run() == 1
    assert remote.objects("first") == {image.id: DATA}
    assert await status_of(remote, image) is ImageStatus.ACTIVE


async def test_an_interrupted_deletion_is_finished(remote: House) -> None:
    image = await remote.active()

    def hide(conn: Any) -> None:
        images.transition(conn, image.id, {ImageStatus.ACTIVE}, ImageStatus.PENDING_DELETE)
        entry = journal.new_entry()
        journal.open_deletion(conn, entry, image.id, ImageStatus.ACTIVE, DEAD, now())

    await remote.database.write(hide)
    assert await remote.catalog.recovery.run() == 1
    assert not remote.objects("first")
    assert not await remote.journal()
    with pytest.raises(NotFound):
        await remote.catalog.images.show(ALICE, image.id)


async def test_a_deletion_that_the_store_refuses_changes_nothing(remote: House) -> None:
    image = await remote.active()
    remote.store("first").fail({"delete": [raising(errors.Busy("forced", store="first"))]})
    with pytest.raises(ImagestoreError) as refused:
        await remote.catalog.deletions.delete(ALICE, image.id)
    assert "memory://" not in str(refused.value)
    assert await status_of(remote, image) is ImageStatus.ACTIVE
    assert not await remote.journal()
    await remote.catalog.deletions.delete(ALICE, image.id)
    assert not remote.objects("first")


async def test_a_deletion_that_meets_a_dead_store_is_finished_later(remote: House) -> None:
    image = await remote.active()
    remote.store("first").fail({"delete": [away()] * 2})
    with pytest.raises(Unavailable) as failed:
        await remote.catalog.deletions.delete(ALICE, image.id)
    assert "memory://" not in str(failed.value)
    assert await remote.catalog.recovery.run() == 0
    # The store may have removed it all the same: it is not shown again.
    with pytest.raises(NotFound):
        await remote.catalog.images.show(ALICE, image.id)
    assert await remote.catalog.recovery.run() == 1
    assert not await remote.journal()
    assert not remote.objects("first")


async def test_an_interrupted_deletion_that_the_store_refuses_is_undone(remote: House) -> None:
    image = await remote.active()
    busy = raising(errors.Busy("forced", store="first"))
    remote.store("first").fail({"delete": [away(), busy]})
    with pytest.raises(Unavailable):
        await remote.catalog.deletions.delete(ALICE, image.id)
    assert await remote.catalog.recovery.run() == 1
    assert await status_of(remote, image) is ImageStatus.ACTIVE
    assert not await remote.journal()


async def test_a_lost_copy_does_not_hinder_a_deletion(remote: House) -> None:
    image = await remote.active()
    remote.objects("first").clear()
    await remote.catalog.deletions.delete(ALICE, image.id)
    assert not await remote.journal()


async def test_an_upload_that_was_recorded_keeps_its_bytes(
    remote: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection may go just when the database has committed."""
    image = await remote.queued()
    write = Database.write

    async def lost_after_commit(self: Database, function: Any, *args: Any, **more: Any) -> Any:
        result = await write(self, function, *args, **more)
        if getattr(function, "__qualname__", "").startswith("Activations.within"):
            raise Unavailable("forced")
        return result

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", lost_after_commit)
        with pytest.raises(Unavailable):
            await remote.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert await status_of(remote, image) is ImageStatus.ACTIVE
    assert remote.objects("first") == {image.id: DATA}
    assert not await remote.journal()


async def test_an_upload_removes_nothing_that_was_there_before(remote: House) -> None:
    image = await remote.queued()
    remote.objects("first")[image.id] = b"somebody else's"
    with pytest.raises(Conflict):
        await remote.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert remote.objects("first") == {image.id: b"somebody else's"}
    assert await status_of(remote, image) is ImageStatus.QUEUED
    assert not await remote.journal()


@pytest.mark.parametrize("fault", ["add", "write", "stored"])
async def test_an_upload_into_a_store_that_fails_leaves_nothing(remote: House, fault: str) -> None:
    image = await remote.queued()
    remote.store("first").fail({fault: [away()]})
    with pytest.raises(Unavailable):
        await remote.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert not remote.objects("first")
    assert not await remote.journal()
    assert await status_of(remote, image) is ImageStatus.QUEUED
    await remote.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert await status_of(remote, image) is ImageStatus.ACTIVE


async def test_what_an_upload_could_not_clean_up_is_cleaned_up_later(remote: House) -> None:
    image = await remote.queued()
    first = remote.store("first")
    first.fail({"stored": [away()], "discard": [away()]})
    with pytest.raises(Unavailable):
        await remote.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
    assert remote.objects("first") == {image.id: DATA}
    assert await remote.journal()
    assert await remote.catalog.recovery.run() == 1
    assert not remote.objects("first")
    assert not await remote.journal()


async def test_a_store_that_is_away_is_asked_once(remote: House) -> None:
    for _ in range(3):
        await upload_as(remote, DEAD, now())
    first = remote.store("first")
    first.fail({"discard": [away()]})
    assert await remote.catalog.recovery.run() == 0
    assert first.calls.count("discard") == 1
    assert await remote.catalog.recovery.run() == 3
