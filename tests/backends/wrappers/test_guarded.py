"""A store that is away is left alone until it answers again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Buffer
from imagestore.backends.testing.contract import content, cut, read
from imagestore.backends.testing.faulty import FaultyStore, away, nothing, raising
from imagestore.backends.wrappers import guarded
from imagestore.backends.wrappers.guarded import GuardedStore, Health


class Told:
    """The changes that a guard has told of."""

    def __init__(self) -> None:
        self.states: list[bool] = []

    def __call__(self, name: str, health: Health) -> None:
        assert name == "files"
        self.states.append(health.healthy)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def store(faulty: FaultyStore, told: Told) -> GuardedStore:
    return GuardedStore(faulty, threshold=3, pause=0.05, on_change=told)


async def break_it(store: GuardedStore, faulty: FaultyStore, probes: int = 0) -> None:
    """Three failures, and then as many probes that fail."""
    faulty.fail({"capacity": [away()] * (3 + probes)})
    for _ in range(3):
        with pytest.raises(errors.Unavailable, match="forced"):
            await store.capacity()


async def healthy(store: GuardedStore) -> None:
    async with asyncio.timeout(5):
        while not store.health.healthy:
            await asyncio.sleep(0.01)


async def test_it_opens_and_closes_by_itself(
    store: GuardedStore, faulty: FaultyStore, told: Told
) -> None:
    before = store.health
    assert before.healthy
    await break_it(store, faulty, probes=2)
    assert not store.health.healthy
    assert store.health.error == "forced"
    assert store.health.since >= before.since
    asked = len(faulty.calls)
    stored = f"file://{faulty.details()['data_dir']}/a"
    for call in (
        store.capacity(),
        store.size(stored),
        store.exists(stored),
        store.delete(stored),
        store.discard("a"),
        store.add("a", cut(b"x")),
        read(store, stored),
    ):
        with pytest.raises(errors.Refused, match="forced") as caught:
            await call
        assert caught.value.store == "files"
    assert len(faulty.calls) == asked
    await healthy(store)
    assert faulty.calls == ["capacity"] * 6
    assert told.states == [False, True]
    assert (await store.add("a", cut(b"x"))).size == 1


async def test_probes_are_of_nobodys_request(store: GuardedStore, faulty: FaultyStore) -> None:
    request: ContextVar[str] = ContextVar("request", default="")
    seen = []

    async def look() -> None:
        seen.append(request.get())

    request.set("req-1")
    faulty.fail({"capacity": [away()] * 3 + [look]})
    for _ in range(3):
        with pytest.raises(errors.Unavailable, match="forced"):
            await store.capacity()
    await healthy(store)
    assert seen == [""]


async def test_after_the_probe_one_failure_is_enough(
    store: GuardedStore, faulty: FaultyStore, told: Told
) -> None:
    await break_it(store, faulty)
    await healthy(store)
    faulty.fail({"size": [away()]})
    with pytest.raises(errors.Unavailable):
        await store.size("file:///x")
    assert not store.health.healthy
    await healthy(store)
    await store.capacity()  # which wipes the slate clean
    faulty.fail({"capacity": [away()] * 2})
    for _ in range(2):
        with pytest.raises(errors.Unavailable):
            await store.capacity()
    assert store.health.healthy
    await store.stop()


async def test_pauses_grow_until_a_call_succeeds(
    faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store may tell its capacity and still take no data."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def recorded(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    store = GuardedStore(faulty, threshold=1, pause=7)
    monkeypatch.setattr(guarded.asyncio, "sleep", recorded)
    for _ in range(5):
        faulty.fail({"size": [away()]})
        with pytest.raises(errors.Unavailable):
            await store.size("file:///x")
        while not store.health.healthy:
            await sleep(0.01)
    assert pauses == [7, 14, 28, 56, 60]
    await store.capacity()
    faulty.fail({"size": [away()]})
    with pytest.raises(errors.Unavailable):
        await store.size("file:///x")
    while not store.health.healthy:
        await sleep(0.01)
    assert pauses[5:] == [7]


async def test_only_a_row_counts(store: GuardedStore, faulty: FaultyStore) -> None:
    faulty.fail({"capacity": [away(), away(), nothing, away(), away(), nothing]})
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(errors.Unavailable):
                await store.capacity()
        await store.capacity()
    assert store.health.healthy


@pytest.mark.parametrize("error", [errors.NotFound, errors.Full, errors.Busy, errors.ReadOnly])
async def test_an_answer_that_is_no_is_an_answer(
    store: GuardedStore, faulty: FaultyStore, error: type[errors.StoreError]
) -> None:
    faulty.fail({"capacity": [away(), away(), raising(error("forced")), away(), away()]})
    for _ in range(5):
        with pytest.raises(errors.StoreError):
            await store.capacity()
    assert store.health.healthy


async def test_failures_of_others_do_not_count(store: GuardedStore, faulty: FaultyStore) -> None:
    async def source() -> AsyncIterator[Buffer]:
        yield b"x"
        raise errors.Unavailable("far away", store="another")

    async def broken() -> AsyncIterator[Buffer]:
        yield b"x"
        raise ConnectionResetError

    for _ in range(5):
        with pytest.raises(errors.Unavailable):
            await store.add("a", source())
        with pytest.raises(ConnectionResetError):
            await store.add("a", broken())
    assert store.health.healthy


async def test_who_was_not_asked_is_not_judged(store: GuardedStore, faulty: FaultyStore) -> None:
    faulty.fail({"capacity": [away(), away(), *[raising(errors.Refused("forced"))] * 5, away()]})
    for expected in [errors.Unavailable] * 2 + [errors.Refused] * 5:
        with pytest.raises(expected):
            await store.capacity()
    assert store.health.healthy
    with pytest.raises(errors.Unavailable):
        await store.capacity()
    assert not store.health.healthy
    await store.stop()


async def test_transfers_are_judged_to_their_end(store: GuardedStore, faulty: FaultyStore) -> None:
    url = (await store.add("a", cut(content(3 * BLOCK_SIZE)))).url
    for _ in range(3):
        faulty.fail({"read": [nothing, away()]})
        with pytest.raises(errors.Unavailable):
            await read(store, url)
    assert not store.health.healthy
    await store.stop()


async def test_a_store_that_does_not_start_is_away(
    store: GuardedStore, faulty: FaultyStore
) -> None:
    faulty.fail({"start": [away()], "capacity": [away()] * 99})
    with pytest.raises(errors.Unavailable):
        await store.start()
    assert not store.health.healthy
    with pytest.raises(errors.Refused):
        await store.size("file:///x")
    await store.start()
    assert store.health.healthy


async def test_without_a_threshold_it_lets_everything_pass(faulty: FaultyStore) -> None:
    store = GuardedStore(faulty, threshold=0, pause=0.05)
    faulty.fail({"capacity": [away()] * 20})
    for _ in range(20):
        with pytest.raises(errors.Unavailable, match="forced"):
            await store.capacity()
    assert store.health.healthy


async def test_what_went_past_it_counts_as_well(store: GuardedStore) -> None:
    for _ in range(3):
        store.failed(errors.Unavailable("the disk"))
    assert store.health.error == "the disk"
    store.succeeded()
    assert store.health.healthy
    await store.stop()


async def test_stop_ends_the_probing(store: GuardedStore, faulty: FaultyStore) -> None:
    await break_it(store, faulty, probes=1000)
    await store.stop()
    asked = len(faulty.calls)
    await asyncio.sleep(0.2)
    assert len(faulty.calls) == asked


async def test_a_copy_that_cannot_be_made_says_nothing_of_the_store(
    store: GuardedStore, faulty: FaultyStore, told: Told
) -> None:
    refusal = raising(errors.CannotCopy("forced", store="files"))
    faulty.fail({"capacity": [away()] * 9, "copy": [refusal] * 9})
    for _ in range(3):
        with pytest.raises(errors.CannotCopy):
            await store.copy("b", faulty.store, "file:///a", 1)
        assert store.health.healthy
        with pytest.raises(errors.Unavailable, match="forced"):
            await store.capacity()
    assert not store.health.healthy
    with pytest.raises(errors.Refused):
        await store.copy("b", faulty.store, "file:///a", 1)
