"""Imports into several stores of which one fails: dead from the start, in the middle, full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from imagestore.backends import errors, in_flight
from imagestore.backends.base import BLOCK_SIZE
from imagestore.backends.testing.faulty import Fault, raising
from imagestore.backends.testing.memory import MemoryStore
from imagestore.catalog import jobs
from imagestore.catalog.imports import progress
from imagestore.model.image import Image, ImageStatus
from imagestore.model.import_request import ImportRequest, Method
from imagestore.transfer import fan_out
from tests.catalog.conftest import ALICE, DATA, NAMES, House, blocks_of

IMPORTING = "os_glance_importing_to_stores"
FAILED = "os_glance_failed_import"
ALL = {"first": DATA, "second": DATA, "third": DATA}


def dead() -> Fault:
    """As every driver fails: by its name."""
    return raising(errors.Unavailable("forced", store="second"))


DEATHS: dict[str, dict[str, list[Fault]]] = {
    "from the start": {"add": [dead()] * 99},
    "in the middle": {"write": [dead()] * 99},
    "at the end": {"stored": [dead()] * 99},
}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts of a job."""
    monkeypatch.setattr(jobs, "LONGEST_PAUSE", 0.05)


async def begun(house: House, *, all_must_succeed: bool) -> Image:
    """An image whose data is staged, and on its way into all stores."""
    image = await house.queued()
    await house.catalog.imports.stage(ALICE, image.id, blocks_of(DATA))
    await start(house, image, all_must_succeed=all_must_succeed)
    return image


async def start(house: House, image: Image, *, all_must_succeed: bool = True) -> None:
    request = ImportRequest(
        Method.GLANCE_DIRECT, all_stores=True, all_must_succeed=all_must_succeed
    )
    assert await house.catalog.imports.start(ALICE, image.id, request) is not None


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.01)


async def ended(house: House, image: Image) -> Image:
    """The image once no import holds it any more."""

    async def is_free() -> bool:
        return progress.TASK not in (await house.image(image.id)).properties

    await until(is_free)
    return await house.image(image.id)


def held(house: House, image: Image) -> dict[str, bytes | bytearray]:
    """What the stores have of it."""
    return {
        name: house.objects(name)[image.id] for name in NAMES if image.id in house.objects(name)
    }


async def is_clean(house: House) -> bool:
    """Whether the journal knows of nothing that is left behind; recovery is asked to look."""
    await house.catalog.recovery.run()
    return not await house.journal()


async def test_all_of_them(working: House) -> None:
    image = await begun(working, all_must_succeed=True)
    shown = await ended(working, image)
    assert shown.status is ImageStatus.ACTIVE
    assert held(working, image) == ALL
    assert {*await working.stores_of(image.id)} == {*NAMES}
    await until(lambda: is_clean(working))


@pytest.mark.parametrize("death", DEATHS)
async def test_one_is_enough(working: House, death: str) -> None:
    working.store("second").fail(DEATHS[death])
    image = await begun(working, all_must_succeed=False)
    shown = await ended(working, image)
    assert shown.status is ImageStatus.ACTIVE
    assert {*await working.stores_of(image.id)} == {"first", "third"}
    assert (shown.properties[FAILED], shown.properties[IMPORTING]) == ("second", "")
    assert held(working, image) == {"first": DATA, "third": DATA}
    await until(lambda: is_clean(working))


@pytest.mark.parametrize("death", DEATHS)
async def test_all_are_wanted(working: House, death: str) -> None:
    """It is tried again and again; then nothing of it is left, and who is to blame is told."""
    working.store("second").fail(DEATHS[death])
    image = await begun(working, all_must_succeed=True)
    shown = await ended(working, image)
    assert shown.status is not ImageStatus.ACTIVE
    assert shown.locations == ()
    assert (shown.properties[FAILED], shown.properties[IMPORTING]) == ("second", "")
    await until(lambda: is_clean(working))
    assert held(working, image) == {}


async def test_it_comes_back_meanwhile(working: House) -> None:
    working.store("second").fail({"write": [dead()] * 2})
    image = await begun(working, all_must_succeed=True)
    assert (await ended(working, image)).status is ImageStatus.ACTIVE
    assert held(working, image) == ALL


@pytest.mark.parametrize("all_must_succeed", [False, True])
async def test_it_is_full(working: House, *, all_must_succeed: bool) -> None:
    full = working.store("second").store
    assert isinstance(full, MemoryStore)
    full.limit = len(DATA) - 1
    image = await begun(working, all_must_succeed=all_must_succeed)
    shown = await ended(working, image)
    assert shown.properties[FAILED] == "second"
    expected = {} if all_must_succeed else {"first": DATA, "third": DATA}
    assert held(working, image) == expected
    assert (shown.status is ImageStatus.ACTIVE) is not all_must_succeed
    await until(lambda: is_clean(working))


@pytest.mark.parametrize("all_must_succeed", [False, True])
async def test_it_cannot_be_cleaned_at_once(
    working: House, monkeypatch: pytest.MonkeyPatch, *, all_must_succeed: bool
) -> None:
    """What it was left with goes when it is back; before that nothing is written to it."""
    monkeypatch.setattr(jobs, "LONGEST_PAUSE", 1.0)  # it is to be tried once more after that
    second = working.store("second")
    second.fail({"stored": [dead()] * 99, "discard": [dead()] * 99})
    image = await begun(working, all_must_succeed=all_must_succeed)

    async def is_told() -> bool:
        return (await working.image(image.id)).properties.get(FAILED) == "second"

    await until(is_told)
    assert image.id in working.objects("second")
    assert await working.journal()
    second.fail({})
    shown = await ended(working, image)
    assert shown.status is ImageStatus.ACTIVE
    await until(lambda: is_clean(working))
    expected = ALL if all_must_succeed else {"first": DATA, "third": DATA}
    assert held(working, image) == expected


def held_up(house: House) -> asyncio.Event:
    """The second store has an object only when the event is set."""
    gate = asyncio.Event()
    house.store("second").fail({"stored": [gate.wait]})
    return gate


async def test_active_with_the_first_where_one_is_enough(working: House) -> None:
    gate = held_up(working)
    image = await begun(working, all_must_succeed=False)

    async def is_active() -> bool:
        return (await working.image(image.id)).status is ImageStatus.ACTIVE

    await until(is_active)
    shown = await working.image(image.id)
    assert "second" in shown.properties[IMPORTING]
    assert progress.TASK in shown.properties
    gate.set()
    await ended(working, image)
    assert held(working, image) == ALL


HANGS = {"before the first block": "add", "in the middle": "write", "at the end": "stored"}


@pytest.mark.parametrize("blocks", [in_flight.BEHIND, 2 * in_flight.BEHIND])
@pytest.mark.parametrize("hung", HANGS)
async def test_one_that_hangs_holds_up_its_own_part_alone(
    working: House, monkeypatch: pytest.MonkeyPatch, hung: str, blocks: int
) -> None:
    """The copies of the others are there while it hangs; its own is made when it is back."""
    monkeypatch.setattr(fan_out, "LAG", 0.05)
    gate = asyncio.Event()
    working.store("second").fail({HANGS[hung]: [gate.wait] * 99, "discard": [gate.wait] * 99})
    image = await working.queued()
    long = bytes(blocks * BLOCK_SIZE)
    await working.catalog.imports.stage(ALICE, image.id, blocks_of(long))
    await start(working, image, all_must_succeed=False)

    async def are_there() -> bool:
        return {*await working.stores_of(image.id)} == {"first", "third"}

    await until(are_there)
    shown = await working.image(image.id)
    assert shown.status is ImageStatus.ACTIVE
    assert (shown.properties[IMPORTING], shown.properties[FAILED]) == ("second", "")
    gate.set()
    assert (await ended(working, image)).properties[FAILED] == ""
    assert {*await working.stores_of(image.id)} == {*NAMES}
    assert held(working, image) == dict.fromkeys(NAMES, long)
    await until(lambda: is_clean(working))


async def test_not_before_the_last_where_all_are_wanted(working: House) -> None:
    gate = held_up(working)
    image = await begun(working, all_must_succeed=True)

    async def is_everywhere() -> bool:
        return held(working, image) == ALL

    await until(is_everywhere)
    shown = await working.image(image.id)
    assert (shown.status, shown.locations) == (ImageStatus.IMPORTING, ())
    gate.set()
    assert (await ended(working, image)).status is ImageStatus.ACTIVE


async def test_deleted_while_others_are_written(working: House) -> None:
    gate = held_up(working)
    image = await begun(working, all_must_succeed=False)

    async def is_active() -> bool:
        return (await working.image(image.id)).status is ImageStatus.ACTIVE

    await until(is_active)
    await working.catalog.deletions.delete(ALICE, image.id)
    gate.set()

    async def is_gone() -> bool:
        return not held(working, image) and await is_clean(working)

    await until(is_gone)
