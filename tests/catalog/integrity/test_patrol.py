"""A bad copy is found and made anew from a good one; without one nothing of it is lost."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from sqlalchemy import Connection

from imagestore.backends import errors
from imagestore.backends.testing.faulty import away, raising
from imagestore.catalog.integrity import damage, replacement
from imagestore.catalog.integrity.damage import DAMAGE_PROPERTY
from imagestore.catalog.intent import Intent, Intents
from imagestore.database import damages, images, journal
from imagestore.database.damages import DamageState, Progress
from imagestore.model.errors import Forbidden
from imagestore.model.image import Image
from imagestore.model.job import ENDED, JobState
from tests.catalog.conftest import ALICE, DATA, House
from tests.catalog.copies.test_maker import ADMIN, DEAD, copy_to

FLIPPED = bytes([DATA[0] ^ 1]) + DATA[1:]


async def stored(house: House, *, copies: int, bad: bytes | None = FLIPPED) -> Image:
    """An image whose first copy is what it is not to be, or not there."""
    image = await house.active()
    if copies == 2:
        await copy_to(house, image, "second")
    if bad is None:
        del house.objects("first")[image.id]
    else:
        house.objects("first")[image.id] = bad
    return image


async def patrol(house: House, image: Image | None = None) -> None:
    jobs = house.catalog.jobs
    job = await house.catalog.patrol.start(rate=0, image_id=image.id if image else None)
    async with asyncio.timeout(60):
        while (await jobs.show(job.id)).state not in ENDED:
            await asyncio.sleep(0.01)
    assert (await jobs.show(job.id)).state is JobState.DONE


async def progress_of(house: House) -> Progress:
    progress = await house.catalog.patrol.progress()
    assert progress is not None
    return progress


@pytest.mark.parametrize("bad", [FLIPPED, DATA[:-1], DATA + b"x", b"", None])
async def test_a_bad_copy_is_made_anew_from_a_good_one(working: House, bad: bytes | None) -> None:
    image = await stored(working, copies=2, bad=bad)
    await patrol(working)
    assert working.objects("first") == working.objects("second") == {image.id: DATA}
    assert {*await working.stores_of(image.id)} == {"first", "second"}
    assert DAMAGE_PROPERTY not in (await working.image(image.id)).properties
    [found] = await working.catalog.patrol.damages(settled=True)
    assert (found.image_id, found.store, found.state) == (image.id, "first", DamageState.REPAIRED)
    progress = await progress_of(working)
    assert (progress.images, progress.damaged, progress.repaired) == (1, 1, 1)
    assert not await working.journal()
    # The next pass has nothing to do.
    await patrol(working)
    progress = await progress_of(working)
    assert (progress.images, progress.damaged, progress.bytes) == (1, 0, 2 * len(DATA))


async def test_an_only_copy_is_marked_until_it_is_right(working: House) -> None:
    image = await stored(working, copies=1)
    await patrol(working)
    assert (await working.image(image.id)).properties[DAMAGE_PROPERTY] == "first"
    assert working.objects("first") == {image.id: FLIPPED}
    [found] = await working.catalog.patrol.damages()
    assert (found.image_id, found.state) == (image.id, DamageState.DAMAGED)
    working.objects("first")[image.id] = DATA
    await patrol(working, image)
    assert DAMAGE_PROPERTY not in (await working.image(image.id)).properties
    assert await working.catalog.patrol.damages() == []


async def test_what_is_wrong_once_only_is_no_damage(working: House) -> None:
    """It may have been the way here: it is read again."""
    image = await stored(working, copies=1)

    async def put_right() -> None:
        if working.store("first").calls.count("open") == 2:
            working.objects("first")[image.id] = DATA

    working.store("first").fail({"open": [put_right] * 2})
    await patrol(working)
    assert await working.catalog.patrol.damages(settled=True) == []


async def test_two_bad_copies_stay_as_they_are(working: House) -> None:
    """Something of them may be of use to somebody: nothing is removed without a whole copy."""
    image = await stored(working, copies=2)
    other = DATA[:-1] + b"?"
    working.objects("second")[image.id] = other
    await patrol(working)
    assert working.objects("first") == {image.id: FLIPPED}
    assert working.objects("second") == {image.id: other}
    assert len(await working.catalog.patrol.damages()) == 2
    assert (await working.image(image.id)).properties[DAMAGE_PROPERTY] == "first,second"
    working.objects("second")[image.id] = DATA
    await patrol(working)
    assert working.objects("first") == {image.id: DATA}
    await working.catalog.deletions.delete(ALICE, image.id)
    assert not working.objects("first") | working.objects("second")


async def test_the_last_whole_copy_is_not_removed(working: House) -> None:
    image = await stored(working, copies=2)
    working.store("first").fail({"delete": [raising(errors.Busy("forced", store="first"))]})
    await patrol(working)
    with pytest.raises(Forbidden, match="whole"):
        await working.catalog.deletions.delete_from_store(ADMIN, "second", image.id)
    [found] = await working.catalog.patrol.damages()
    assert found.state is DamageState.DAMAGED
    await patrol(working)
    assert working.objects("first") == {image.id: DATA}


async def test_a_repair_that_was_interrupted_goes_on(working: House) -> None:
    image = await stored(working, copies=2)
    working.store("first").fail({"add": [away()]})
    await patrol(working)
    [found] = await working.catalog.patrol.damages()
    assert found.state is DamageState.REPAIRING
    assert not await working.journal()
    assert not working.objects("first")
    assert working.objects("second") == {image.id: DATA}
    await patrol(working)
    assert working.objects("first") == {image.id: DATA}
    assert {*await working.stores_of(image.id)} == {"first", "second"}


async def test_a_store_that_is_away_is_no_damage(working: House) -> None:
    await working.active()
    working.store("first").fail({"size": [away()] * 9, "open": [away()] * 9})
    await patrol(working)
    assert await working.catalog.patrol.damages(settled=True) == []
    assert (await progress_of(working)).unread == 1


async def test_a_pass_goes_on_where_it_was(working: House) -> None:
    first, second = sorted([(await stored(working, copies=1)).id for _ in range(2)])
    await patrol(working)
    working.objects("first").update({first: DATA, second: DATA})
    left = dataclasses.replace(await progress_of(working), position=first, finished_at=None)
    await working.database.write(damages.set_progress, left)
    await patrol(working)
    assert [one.image_id for one in await working.catalog.patrol.damages()] == [first]


async def test_a_repair_whose_process_died_goes_on(working: House) -> None:
    image = await stored(working, copies=2)
    dead = Intent(Intents(working.database, working.deps.stores, DEAD))

    def died(conn: Connection) -> None:
        row = images.get(conn, image.id)
        assert row is not None
        bad = row.image.locations[0]
        assert damage.mark(conn, row.image, bad, "first", "forced")
        [found] = damages.list(conn, image_id=image.id)
        claimed = replacement._claim(conn, dead, found, "first")
        assert claimed is not None
        assert claimed[1] == [dataclasses.replace(bad, status="damaged")]

    await working.database.write(died)
    # Nobody else begins while it may still be at work.
    await patrol(working)
    assert working.objects("first") == {image.id: FLIPPED}
    assert await working.catalog.recovery.run() == 1
    assert not working.objects("first")
    await patrol(working)
    assert working.objects("first") == {image.id: DATA}
    assert await working.database.read(journal.entries) == []


async def test_an_image_that_is_deleted_during_its_repair_leaves_nothing(working: House) -> None:
    image = await stored(working, copies=2)

    async def delete() -> None:
        await working.catalog.deletions.delete(ALICE, image.id)

    working.store("first").fail({"stored": [delete]})
    await patrol(working)
    assert not working.objects("first") | working.objects("second")
    assert not await working.journal()
