"""Copies while stores fail, processes die, images go and bytes are wrong."""

from __future__ import annotations

import asyncio

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.faulty import away
from imagestore.database import journal, locations
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Corrupt, Gone, ImagestoreError, NotFound, Unavailable
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.supervisor import process_identity as process
from tests.catalog.conftest import ALICE, DATA, House

ADMIN = Caller(
    user_id="ops", project_id="ops", roles=frozenset({"admin", "member", "reader"}), is_admin=True
)
WRONG = b"x" * len(DATA)
DEAD = "/".join([*process.identity().split("/")[:3], "1", "0"])
"""A process of this machine that has ended."""


async def copy_to(house: House, image: Image, store: str, data: bytes = DATA) -> None:
    """Give the image a second copy."""
    house.objects(store)[image.id] = data
    location = Location(f"memory://{store}/{image.id}", {"store": store})
    await house.database.write(locations.add, image.id, location)


async def is_clean(house: House, store: str = "third") -> bool:
    """Whether nothing is in the store, and nobody has to see to that."""
    return not house.objects(store) and not await house.journal()


async def is_copied(house: House, image: Image, store: str = "third") -> bool:
    return house.objects(store)[image.id] == DATA and store in await house.stores_of(image.id)


async def test_a_copy(remote: House) -> None:
    image = await remote.active()
    assert await remote.catalog.copies.copy(image.id, "third")
    assert await remote.stores_of(image.id) == ["first", "third"]
    assert await is_copied(remote, image)
    assert not await remote.journal()
    assert not await remote.catalog.copies.copy(image.id, "third"), "it is there"


async def test_the_source_fails_and_another_copy_is_read(remote: House) -> None:
    image = await remote.active()
    await copy_to(remote, image, "second")
    remote.store("first").fail({"read": [away()]})
    assert await remote.catalog.copies.copy(image.id, "third")
    assert await is_copied(remote, image)


async def test_wrong_bytes_are_not_spread(remote: House) -> None:
    image = await remote.active()
    remote.objects("first")[image.id] = WRONG
    with pytest.raises(Corrupt):
        await remote.catalog.copies.copy(image.id, "third")
    assert await is_clean(remote)
    assert await remote.stores_of(image.id) == ["first"]


async def test_the_bytes_of_the_best_copy_are_wrong(remote: House) -> None:
    image = await remote.active()
    await copy_to(remote, image, "second")
    remote.objects("first")[image.id] = WRONG
    assert await remote.catalog.copies.copy(image.id, "third")
    assert await is_copied(remote, image)


@pytest.mark.parametrize("fault", ["add", "write", "stored"])
async def test_the_target_fails(remote: House, fault: str) -> None:
    image = await remote.active()
    remote.store("third").fail({fault: [away()]})
    with pytest.raises(errors.Unavailable):
        await remote.catalog.copies.copy(image.id, "third")
    assert await is_clean(remote)
    assert await remote.catalog.copies.copy(image.id, "third")


async def test_the_target_is_full(remote: House) -> None:
    image = await remote.active()
    remote.store("third").store.limit = len(DATA) - 1  # type: ignore[attr-defined]
    with pytest.raises(errors.Full):
        await remote.catalog.copies.copy(image.id, "third")
    assert await is_clean(remote)


@pytest.mark.parametrize("how", ["deleted", "withheld"])
async def test_the_image_goes_meanwhile(remote: House, how: str) -> None:
    image = await remote.active()

    async def go() -> None:
        if how == "deleted":
            await remote.catalog.deletions.delete(ALICE, image.id)
        else:
            await remote.catalog.images.deactivate(ADMIN, image.id)

    remote.store("third").fail({"write": [go]})
    with pytest.raises((Gone, Conflict, NotFound)):
        await remote.catalog.copies.copy(image.id, "third")
    assert await is_clean(remote)


@pytest.mark.parametrize("store", ["first", "third"])
async def test_cancelled(remote: House, store: str) -> None:
    image = await remote.active()
    reached = asyncio.Event()

    async def wait() -> None:
        reached.set()
        await asyncio.Event().wait()

    remote.store(store).fail({"read": [wait], "write": [wait]})
    task = asyncio.create_task(remote.catalog.copies.copy(image.id, "third"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await is_clean(remote)


async def test_many_at_once(remote: House) -> None:
    image = await remote.active()
    copies = [remote.catalog.copies.copy(image.id, "third") for _ in range(8)]
    results = await asyncio.gather(*copies, return_exceptions=True)
    assert results.count(True) == 1, results
    assert await remote.stores_of(image.id) == ["first", "third"]
    assert not await remote.journal()


async def left_by_a_dead_process(house: House, image: Image) -> None:
    await house.database.write(
        journal.open_copy, journal.new_entry(), image.id, "third", DEAD, now()
    )


async def test_what_a_killed_process_left(remote: House) -> None:
    image = await remote.active()
    remote.objects("third")[image.id] = b"half"
    await left_by_a_dead_process(remote, image)
    # Nothing goes into that store, and nothing is adopted, while that is so.
    with pytest.raises(ImagestoreError, match="not yet out of"):
        await remote.catalog.copies.copy(image.id, "third")
    assert await remote.catalog.recovery.run() == 1
    assert await is_clean(remote)
    assert (await remote.image(image.id)).status is ImageStatus.ACTIVE
    assert await remote.catalog.copies.copy(image.id, "third")


async def test_recovery_keeps_what_was_recorded(remote: House) -> None:
    image = await remote.active()
    await copy_to(remote, image, "third")
    await left_by_a_dead_process(remote, image)
    assert await remote.catalog.recovery.run() == 1
    assert await is_copied(remote, image)


async def test_recovery_does_not_overtake_itself(remote: House) -> None:
    """Two that undo the same copy: the slower one must not remove what was written since."""
    image = await remote.active()
    await left_by_a_dead_process(remote, image)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    third, recovery = remote.store("third"), remote.catalog.recovery
    third.fail({"discard": [wait]})
    first = asyncio.create_task(recovery.run())
    await reached.wait()
    second = asyncio.create_task(recovery.run())
    assert await recovery.run(image.id) == 0
    await asyncio.sleep(0)
    go_on.set()
    assert (await first, await second) == (1, 0)
    assert third.calls.count("discard") == 1


async def test_a_removal_that_waits_is_not_overtaken(remote: House) -> None:
    """Its store may still do what it was told: the new copy would be gone."""
    image = await remote.active()
    await copy_to(remote, image, "third")
    remote.store("third").fail({"delete": [away()]})
    with pytest.raises(Unavailable):
        await remote.catalog.deletions.delete_from_store(ADMIN, "third", image.id)
    with pytest.raises(ImagestoreError, match="not yet out of"):
        await remote.catalog.copies.copy(image.id, "third")
    assert await remote.catalog.recovery.run() == 1
    assert await remote.catalog.copies.copy(image.id, "third")
    assert await is_copied(remote, image)


async def test_an_object_that_is_there_already(remote: House) -> None:
    """As a process leaves it that was believed dead: taken if it is right, else left alone."""
    right, wrong = await remote.active(), await remote.active()
    remote.objects("third").update({right.id: DATA, wrong.id: WRONG})
    assert await remote.catalog.copies.copy(right.id, "third")
    assert await remote.stores_of(right.id) == ["first", "third"]
    with pytest.raises(Conflict):
        await remote.catalog.copies.copy(wrong.id, "third")
    assert remote.objects("third")[wrong.id] == WRONG
    assert await remote.stores_of(wrong.id) == ["first"]
    assert not await remote.journal()


async def test_a_location_by_another_way(remote: House) -> None:
    image = await remote.active()

    async def add() -> None:
        location = Location(f"memory://third/elsewhere-{image.id}", {"store": "third"})
        await remote.database.write(locations.add, image.id, location)

    remote.store("third").fail({"write": [add]})
    with pytest.raises(Gone):
        await remote.catalog.copies.copy(image.id, "third")
    assert not await remote.journal()


async def test_a_process_that_was_taken_for_dead(remote: House) -> None:
    """Another has cleaned up after it; what it then still puts into the store is removed."""
    image = await remote.active()

    async def recover() -> None:
        [entry] = await remote.journal()
        assert await remote.database.write(journal.close, entry.id)

    remote.store("third").fail({"write": [recover]})
    with pytest.raises(Unavailable):
        await remote.catalog.copies.copy(image.id, "third")
    assert await is_clean(remote)
    assert await remote.stores_of(image.id) == ["first"]
    assert await remote.catalog.copies.copy(image.id, "third")
