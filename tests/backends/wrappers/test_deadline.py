"""Every call answers in time, whatever its store does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Buffer, Stored
from imagestore.backends.testing.contract import content, cut, new_id, read
from imagestore.backends.testing.faulty import Fault, FaultyStore, hang, hang_on, nothing
from imagestore.backends.wrappers import deadline
from imagestore.backends.wrappers.deadline import DeadlineStore

pytestmark = pytest.mark.slow

DATA = content(3 * BLOCK_SIZE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "GRACE", 0.2)


@pytest.fixture
def store(faulty: FaultyStore) -> DeadlineStore:
    return DeadlineStore(faulty, call=1.0, progress=1.0)


def within(seconds: float) -> asyncio.Timeout:
    return asyncio.timeout(seconds)


@pytest.mark.parametrize("fault", [hang, hang_on])
async def test_calls(store: DeadlineStore, faulty: FaultyStore, fault: Fault) -> None:
    url = (await faulty.add("a", cut(DATA))).url
    calls = {
        "start": store.start(),
        "size": store.size(url),
        "exists": store.exists(url),
        "delete": store.delete(url),
        "discard": store.discard("b"),
        "capacity": store.capacity(),
        "open": read(store, url),
    }
    faulty.fail({operation: [fault] for operation in calls})
    async with within(3.5):
        results = await asyncio.gather(*calls.values(), return_exceptions=True)
    for result in results:
        assert isinstance(result, errors.Unavailable)
        assert (result.store, result.message) == ("files", "did not answer within 1 s")


async def test_what_opens_too_late_is_closed_again(
    store: DeadlineStore, faulty: FaultyStore
) -> None:
    url = (await faulty.add("a", cut(DATA))).url
    faulty.fail({"open": [hang_on]})
    with pytest.raises(errors.Unavailable):
        await read(store, url)
    assert store._left
    async with within(30):
        while store._left:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", [hang, hang_on])
async def test_each_page_of_a_listing(
    store: DeadlineStore, faulty: FaultyStore, fault: Fault
) -> None:
    await faulty.add(new_id(), cut(DATA))
    assert [len(page) async for page in store.held()] == [1]
    faulty.fail({"held": [fault]})
    async with within(3.5):
        with pytest.raises(errors.Unavailable, match="within 1 s"):
            async for _ in store.held():
                pytest.fail("a page came")


async def test_a_transfer_may_take_as_long_as_it_goes_on(
    store: DeadlineStore, faulty: FaultyStore
) -> None:
    async def slow() -> None:
        await asyncio.sleep(0.5)

    url = (await faulty.add("a", cut(DATA))).url
    faulty.fail({"read": [slow] * 3})
    assert await read(store, url) == DATA


async def test_neither_source_nor_reader_is_hurried(store: DeadlineStore, tmp_path: Path) -> None:
    async def source() -> AsyncIterator[Buffer]:
        for half in (DATA[:BLOCK_SIZE], DATA[BLOCK_SIZE:]):
            await asyncio.sleep(1.2)
            yield half

    url = (await store.add("a", source(), len(DATA))).url
    got = []
    async with store.open(url) as blocks:
        async for block in blocks:
            got.append(bytes(block))
            await asyncio.sleep(1.2)
    assert b"".join(got) == DATA


async def test_a_store_that_takes_no_more(
    store: DeadlineStore, faulty: FaultyStore, tmp_path: Path
) -> None:
    faulty.fail({"write": [hang]})
    async with within(3.5):
        with pytest.raises(errors.Unavailable, match="took no data for 1 s"):
            await store.add("a", cut(DATA))
    assert os.listdir(tmp_path / "images") == []
    assert await read(store, (await faulty.add("a", cut(DATA))).url) == DATA


async def test_a_store_that_gives_no_more(store: DeadlineStore, faulty: FaultyStore) -> None:
    url = (await faulty.add("a", cut(DATA))).url
    faulty.fail({"read": [nothing, hang]})
    got = []
    async with within(3.5):
        with pytest.raises(errors.Unavailable, match="gave no data for 1 s"):
            async with store.open(url) as blocks:
                async for block in blocks:
                    got.append(bytes(block))
    assert b"".join(got) == DATA[:BLOCK_SIZE]


async def test_an_upload_that_is_left_behind_leaves_nothing(
    store: DeadlineStore, faulty: FaultyStore, tmp_path: Path
) -> None:
    async def late() -> None:
        await hang_on()
        faulty.fail({})  # from here on it is as if nothing had been

    faulty.fail({"add": [late]})
    async with within(3.5):
        with pytest.raises(errors.Unavailable):
            await store.add("a", cut(DATA))
    # It still goes on, and would put back what is discarded now.
    with pytest.raises(errors.Refused, match="has not ended"):
        await store.discard("a")
    await store.discard("b")
    async with within(10):
        while True:
            try:
                await store.discard("a")
                break
            except errors.Unavailable:
                await asyncio.sleep(0.05)
    assert os.listdir(tmp_path / "images") == []


async def test_an_upload_that_succeeds_too_late_is_undone(
    store: DeadlineStore, faulty: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = asyncio.Event()
    file_add = faulty.store.add

    async def stubborn(*args: object, **named: object) -> object:
        stored = await file_add(*args, **named)  # type: ignore[arg-type]
        assert os.listdir(tmp_path / "images") == ["a"]
        await hang_on()
        added.set()
        return stored

    monkeypatch.setattr(faulty.store, "add", stubborn)
    async with within(3.5):
        with pytest.raises(errors.Unavailable, match="took no data"):
            await store.add("a", cut(DATA))
    assert os.listdir(tmp_path / "images") == ["a"]
    await added.wait()
    async with within(10):
        while os.listdir(tmp_path / "images"):
            await asyncio.sleep(0.02)


async def test_a_store_that_goes_on_reading_does_not_take_a_part_for_the_whole(
    store: DeadlineStore, faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_add, ended, stored = faulty.store.add, asyncio.Event(), []

    async def watched(*args: object, **named: object) -> object:
        try:
            stored.append(await file_add(*args, **named))  # type: ignore[arg-type]
        finally:
            ended.set()
        return stored[-1]

    monkeypatch.setattr(faulty.store, "add", watched)

    async def source() -> AsyncIterator[Buffer]:
        async for block in cut(DATA):
            yield block

    blocks = source()
    faulty.fail({"write": [hang_on]})
    async with within(3.5):
        with pytest.raises(errors.Unavailable, match="took no data"):
            await store.add("a", blocks)
    await blocks.aclose()  # type: ignore[attr-defined]
    await ended.wait()
    assert stored == []


async def test_cancelled_while_it_hangs(store: DeadlineStore, faulty: FaultyStore) -> None:
    patient = DeadlineStore(faulty, call=0, progress=0)
    faulty.fail({"capacity": [hang_on], "add": [hang_on]})
    for call in (patient.capacity(), patient.add("a", cut(DATA))):
        task = asyncio.create_task(call)  # type: ignore[var-annotated,arg-type]
        await asyncio.sleep(0.05)
        task.cancel()
        async with within(3.5):
            await asyncio.wait([task])
        assert task.cancelled()


async def test_stop_ends_what_is_left_and_does_not_wait_for_it(
    store: DeadlineStore, faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty.fail({"capacity": [hang_on]})
    with pytest.raises(errors.Unavailable):
        await store.capacity()
    stop, stopped = faulty.store.stop, asyncio.Event()

    async def hangs() -> None:
        await hang_on()
        await stop()
        stopped.set()

    monkeypatch.setattr(faulty.store, "stop", hangs)
    async with within(3.5):
        await store.stop()
    assert not stopped.is_set()
    await stopped.wait()


async def test_one_task_enters_reads_and_leaves(
    store: DeadlineStore, faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver may well use a task group or a time-out around its reading."""
    url = (await faulty.add("a", cut(DATA))).url
    file_open = faulty.store.open

    @asynccontextmanager
    async def grouped(*args: object) -> AsyncIterator[object]:
        async with asyncio.TaskGroup() as group, file_open(*args) as blocks:  # type: ignore[arg-type]
            idle = group.create_task(asyncio.sleep(60))
            yield blocks
            idle.cancel()

    monkeypatch.setattr(faulty.store, "open", grouped)
    assert await read(store, url) == DATA

    async def leave_early() -> None:
        async with store.open(url) as blocks:
            async for _ in blocks:
                break

    await leave_early()


@pytest.mark.parametrize("fault", [hang, hang_on])
async def test_a_copy_that_does_not_go_on(
    store: DeadlineStore, faulty: FaultyStore, fault: Fault
) -> None:
    url = (await faulty.add("a", cut(DATA))).url
    faulty.fail({"copy": [fault]})
    async with within(3.5):
        with pytest.raises(errors.Unavailable, match="did not go on with a copy for 1 s"):
            await store.copy("b", faulty.store, url, len(DATA))


async def test_a_copy_may_take_as_long_as_it_goes_on(
    store: DeadlineStore, faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*args: object, on_progress: Callable[[int], object], **more: object) -> Stored:
        for done in range(5):
            await asyncio.sleep(0.4)
            on_progress(done)
        return Stored("file:///b", 5)

    monkeypatch.setattr(faulty, "copy", slow)
    told: list[int] = []
    made = await store.copy("b", faulty.store, "file:///a", 5, on_progress=told.append)
    assert (made.size, told) == (5, [0, 1, 2, 3, 4])
