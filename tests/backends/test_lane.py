"""Lanes keep order, are bounded, tell errors, and share threads fairly."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagestore.backends.base import Buffer
from imagestore.backends.in_flight import BLOCKS
from imagestore.backends.lane import Lane


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def number(block: Buffer) -> int:
    return int.from_bytes(block, "big")


def block(value: int) -> bytes:
    return value.to_bytes(4, "big")


async def test_everything_in_order_and_one_at_a_time(threads: ThreadPoolExecutor) -> None:
    done: list[int] = []
    inside = 0

    def work(blocks: list[Buffer]) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        assert len(blocks) <= BLOCKS
        done.extend(map(number, blocks))
        inside -= 1

    lane = Lane(threads, work)
    for value in range(10_000):
        await lane.put(block(value))
    assert await lane.finish(lambda: len(done)) == 10_000
    assert done == list(range(10_000))


async def test_many_lanes_on_few_threads(threads: ThreadPoolExecutor) -> None:
    async def one(count: int) -> int:
        seen: list[Buffer] = []
        lane = Lane(threads, seen.extend)
        for value in range(count):
            await lane.put(block(value))
            if value % 7 == 0:
                await asyncio.sleep(0)
        return await lane.finish(lambda: len(seen))

    assert await asyncio.gather(*map(one, range(200))) == list(range(200))


async def test_an_idle_lane_holds_no_thread(threads: ThreadPoolExecutor) -> None:
    lanes = [Lane(threads, lambda blocks: None) for _ in range(50)]
    for lane in lanes:
        await lane.put(b"x")
    await asyncio.sleep(0.1)
    # None of the fifty has finished, and yet there are threads for something else.
    for _ in range(2):
        await asyncio.wait_for(asyncio.wrap_future(threads.submit(time.sleep, 0)), 5)
    for lane in lanes:
        await lane.finish(lambda: None)


async def test_a_busy_lane_lets_others_have_their_turn() -> None:
    with ThreadPoolExecutor(1) as single:
        stop = False
        busy = Lane(single, lambda blocks: time.sleep(0.001))

        async def keep_busy() -> None:
            while not stop:
                await busy.put(b"x")
            await busy.finish(lambda: None)

        task = asyncio.create_task(keep_busy())
        await asyncio.sleep(0.02)
        other = Lane(single, lambda blocks: None)
        await other.put(b"y")
        await asyncio.wait_for(other.finish(lambda: None), 5)
        stop = True
        await task


async def test_put_waits_when_the_backlog_is_full(threads: ThreadPoolExecutor) -> None:
    go_on = threading.Event()
    lane = Lane(threads, lambda blocks: go_on.wait())
    accepted = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            while True:
                await lane.put(b"x")
                accepted += 1
    assert BLOCKS <= accepted <= 2 * BLOCKS
    assert not lane.offer(b"x")
    go_on.set()
    await lane.put(b"x")
    await lane.finish(lambda: None)


async def test_the_first_error_is_told_and_ends_the_lane(threads: ThreadPoolExecutor) -> None:
    failure, seen = OSError("first"), []

    def work(blocks: list[Buffer]) -> None:
        seen.extend(map(number, blocks))
        if 5 in seen:
            raise failure

    lane = Lane(threads, work)
    with pytest.raises(OSError, match="first") as caught:
        for value in range(1000):
            await lane.put(block(value))
    assert caught.value is failure
    finished = False

    def last() -> None:
        nonlocal finished
        finished = True

    with pytest.raises(OSError, match="first"):
        await lane.finish(last)
    assert not finished
    assert max(seen) < 5 + 2 * BLOCKS


async def test_finish_tells_an_error_of_blocks_in_work(threads: ThreadPoolExecutor) -> None:
    def work(blocks: list[Buffer]) -> None:
        time.sleep(0.05)
        raise ValueError("late")

    lane = Lane(threads, work)
    await lane.put(b"x")
    with pytest.raises(ValueError, match="late"):
        await lane.finish(lambda: None)


async def test_finish_tells_an_error_of_the_last_call(threads: ThreadPoolExecutor) -> None:
    lane = Lane(threads, lambda blocks: None)
    with pytest.raises(ZeroDivisionError):
        await lane.finish(lambda: 1 // 0)


@pytest.mark.parametrize("failing", [False, True])
async def test_abandon_drops_what_waits_and_cleans_up(
    threads: ThreadPoolExecutor, failing: bool
) -> None:
    go_on, calls = threading.Event(), []

    def work(blocks: list[Buffer]) -> None:
        calls.append("work")
        go_on.wait()
        if failing:
            raise OSError("in vain")

    lane = Lane(threads, work)
    for _ in range(BLOCKS):
        await lane.put(b"x")
    await asyncio.sleep(0.05)
    abandoning = asyncio.create_task(lane.abandon(lambda: calls.append("clean")))
    await asyncio.sleep(0.05)
    assert calls == ["work"]
    go_on.set()
    await abandoning
    assert calls == ["work", "clean"]


async def test_abandon_cleans_up_after_a_finish_that_hangs(threads: ThreadPoolExecutor) -> None:
    go_on, calls = threading.Event(), []

    def last() -> None:
        go_on.wait()
        calls.append("last")

    lane = Lane(threads, lambda blocks: None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lane.finish(last), 0.05)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lane.abandon(lambda: calls.append("clean")), 0.05)
    go_on.set()
    async with asyncio.timeout(5):
        while len(calls) < 2:
            await asyncio.sleep(0.01)
    assert calls == ["last", "clean"]


async def test_an_executor_that_is_shut_down_is_no_trap(threads: ThreadPoolExecutor) -> None:
    go_on, calls = threading.Event(), []
    lane = Lane(threads, lambda blocks: go_on.wait())
    for _ in range(3):
        await lane.put(b"x")
    idle = Lane(threads, lambda blocks: None)
    finishing = asyncio.create_task(lane.finish(lambda: calls.append("last")))
    await asyncio.sleep(0.01)
    threads.shutdown(wait=False)
    go_on.set()
    await finishing
    with pytest.raises(RuntimeError):
        await idle.put(b"x")
    await idle.abandon(lambda: calls.append("clean"))
    assert calls == ["last", "clean"]


async def test_blocks_are_let_go(threads: ThreadPoolExecutor) -> None:
    lane = Lane(threads, lambda blocks: None)
    buffer = bytearray(10)
    await lane.put(memoryview(buffer))
    await lane.finish(lambda: None)
    await asyncio.sleep(0.05)
    buffer.extend(b"x")  # a BufferError while a view of it is left
