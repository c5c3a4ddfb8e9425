from __future__ import annotations

import asyncio

import pytest

from imagestore.identity.keystone.single_flight import SingleFlight


class Fetch:
    """Counts how often it is called; answers when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self.answer = asyncio.Event()
        self._error = error

    async def __call__(self) -> int:
        self.calls += 1
        await self.answer.wait()
        if self._error:
            raise self._error
        return self.calls


async def started(flights: SingleFlight[str, int], fetch: Fetch, count: int) -> list[asyncio.Task]:  # type: ignore[type-arg]
    tasks = [asyncio.create_task(flights.run("key", fetch)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_all_get_the_outcome_of_one() -> None:
    flights, fetch = SingleFlight[str, int](), Fetch()
    tasks = await started(flights, fetch, 100)
    fetch.answer.set()
    assert await asyncio.gather(*tasks) == [1] * 100
    assert await flights.run("key", fetch) == 2


async def test_keys_do_not_wait_for_each_other() -> None:
    flights, slow, quick = SingleFlight[str, int](), Fetch(), Fetch()
    await started(flights, slow, 1)
    quick.answer.set()
    assert await flights.run("other", quick) == 1
    await flights.close()


async def test_a_caller_who_leaves_takes_nobody_along() -> None:
    flights, fetch = SingleFlight[str, int](), Fetch()
    first, *others = await started(flights, fetch, 3)
    first.cancel()
    fetch.answer.set()
    assert await asyncio.gather(*others) == [1, 1]
    assert first.cancelled()


async def test_an_error_is_told_to_all_and_not_kept() -> None:
    flights, fetch = SingleFlight[str, int](), Fetch(KeyError("x"))
    tasks = await started(flights, fetch, 3)
    fetch.answer.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [KeyError] * 3
    with pytest.raises(KeyError):
        await flights.run("key", fetch)
    assert fetch.calls == 2


async def test_closing_gives_up_what_is_under_way() -> None:
    flights, fetch = SingleFlight[str, int](), Fetch()
    (task,) = await started(flights, fetch, 1)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await task
