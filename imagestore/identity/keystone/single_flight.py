"""Many who want the same at the same time wait for one who fetches it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Runs at most one function for a key at a time; everyone who asks gets its outcome."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[V]] = {}

    async def run(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """What ``fetch()`` returns or raises, whoever called it.

        A caller who is cancelled leaves; the fetching goes on for the others.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(_awaited(fetch))
            self._flights[key] = flight
            flight.add_done_callback(lambda task: self._land(key, task))
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Give up whatever is under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _land(self, key: K, flight: asyncio.Task[V]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # there may be nobody left who would look at it


async def _awaited(fetch: Callable[[], Awaitable[V]]) -> V:
    return await fetch()
