"""What is tried again, and what is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from pathlib import Path

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Buffer, Held, Store
from imagestore.backends.testing.contract import content, cut, new_id, read
from imagestore.backends.testing.faulty import FaultyStore, away, hang, nothing, raising
from imagestore.backends.wrappers import retrying
from imagestore.backends.wrappers.forwarding import ForwardingStore
from imagestore.backends.wrappers.retrying import RetryingStore

DATA = content(2 * BLOCK_SIZE)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.01)


@pytest.fixture
def store(faulty: FaultyStore) -> RetryingStore:
    return RetryingStore(faulty, retries=2, within=30)


async def url_of(faulty: FaultyStore) -> str:
    stored = await faulty.add("a", cut(DATA))
    faulty.calls.clear()
    return stored.url


SAFE: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "start": lambda store, url: store.start(),
    "size": lambda store, url: store.size(url),
    "exists": lambda store, url: store.exists(url),
    "delete": lambda store, url: store.delete(url),
    "discard": lambda store, url: store.discard("a"),
    "capacity": lambda store, url: store.capacity(),
    "open": read,
    "read": read,
}


@pytest.mark.parametrize("operation", SAFE)
async def test_safe_calls_are_repeated(
    store: RetryingStore, faulty: FaultyStore, operation: str
) -> None:
    url = await url_of(faulty)
    faulty.fail({operation: [away(), away()]})
    await SAFE[operation](store, url)
    assert faulty.calls.count(operation) >= 3


async def test_a_listing_is_begun_again_but_not_gone_on_with(
    store: RetryingStore, faulty: FaultyStore
) -> None:
    """Who has had pages would get them twice."""
    await faulty.add(new_id(), cut(DATA))
    faulty.fail({"held": [away(), away()]})
    assert [len(page) async for page in store.held()] == [1]
    assert faulty.calls == ["held"] * 3
    several = _Pages(faulty)
    came: list[Sequence[Held]] = []
    with pytest.raises(errors.Unavailable):
        async for page in RetryingStore(several, retries=2, within=30).held():
            came.append(page)
    assert (len(came), several.begun) == (1, 1)


class _Pages(ForwardingStore):
    begun = 0

    async def held(self, owners: Iterable[str] = ()) -> AsyncGenerator[Sequence[Held], None]:
        self.begun += 1
        yield [Held(new_id(), whole=True)]
        raise errors.Unavailable("forced")


@pytest.mark.parametrize("operation", SAFE)
async def test_but_not_for_ever(store: RetryingStore, faulty: FaultyStore, operation: str) -> None:
    url = await url_of(faulty)
    faulty.fail({operation: [away()] * 9})
    with pytest.raises(errors.Unavailable):
        await SAFE[operation](store, url)
    assert faulty.calls.count(operation) == 3


@pytest.mark.parametrize(
    "error", [errors.NotFound, errors.Full, errors.Busy, errors.Misconfigured, errors.Refused]
)
async def test_other_errors_are_not_repeated(
    store: RetryingStore, faulty: FaultyStore, error: type[errors.StoreError]
) -> None:
    faulty.fail({"capacity": [raising(error("forced"))]})
    with pytest.raises(error):
        await store.capacity()
    assert faulty.calls == ["capacity"]


async def test_a_refusal_does_not_hide_what_came_before(
    store: RetryingStore, faulty: FaultyStore
) -> None:
    faulty.fail({"capacity": [away(), raising(errors.Refused("no"))]})
    with pytest.raises(errors.Unavailable, match="forced"):
        await store.capacity()


async def test_what_took_long_is_not_asked_again(faulty: FaultyStore) -> None:
    store = RetryingStore(faulty, retries=9, within=0)
    faulty.fail({"capacity": [away()] * 9})
    with pytest.raises(errors.Unavailable):
        await store.capacity()
    assert faulty.calls == ["capacity"]


async def test_a_deletion_that_was_done_but_not_told_is_done(
    store: RetryingStore, faulty: FaultyStore
) -> None:
    url = await url_of(faulty)

    async def done_but_not_told() -> None:
        await faulty.store.delete(url)
        raise errors.Unavailable("forced")

    faulty.fail({"delete": [done_but_not_told]})
    await store.delete(url)
    with pytest.raises(errors.NotFound):
        await store.delete(url)


async def test_a_reader_is_not_moved_back(store: RetryingStore, faulty: FaultyStore) -> None:
    url = await url_of(faulty)
    faulty.fail({"read": [nothing, away()]})
    got = []
    with pytest.raises(errors.Unavailable):
        async with store.open(url) as blocks:
            async for block in blocks:
                got.append(bytes(block))
    assert b"".join(got) == DATA[:BLOCK_SIZE]
    assert faulty.calls.count("open") == 1


async def test_an_upload_is_repeated_while_its_source_is_whole(
    store: RetryingStore, faulty: FaultyStore
) -> None:
    faulty.fail({"add": [away(), away()]})
    stored = await store.add("a", cut(DATA), len(DATA))
    assert await read(store, stored.url) == DATA


async def test_an_upload_is_not_repeated_after_that(
    store: RetryingStore, faulty: FaultyStore, tmp_path: Path
) -> None:
    asked = 0

    async def source() -> AsyncIterator[Buffer]:
        nonlocal asked
        async for block in cut(DATA):
            asked += 1
            yield block

    faulty.fail({"write": [away()]})
    with pytest.raises(errors.Unavailable):
        await store.add("a", source())
    assert (faulty.calls.count("add"), asked) == (1, 1)
    assert os.listdir(tmp_path / "images") == []


async def test_cancelled_while_it_pauses(
    faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 1000)
    monkeypatch.setattr(retrying, "LONGEST_PAUSE", 1000)
    patient = RetryingStore(faulty, retries=9, within=1e9)
    faulty.fail({"capacity": [away(), hang]})
    task = asyncio.create_task(patient.capacity())
    while not faulty.calls:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
