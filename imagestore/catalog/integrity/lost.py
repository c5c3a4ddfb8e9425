"""Lost copies: what the database says lies in a store, and does not.

The patrol reads every byte, which takes days where there are many. This only asks whether the
copies are there, as somebody wants to know who has moved a directory or restored a backup.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from imagestore.backends.base import Capability, Store
from imagestore.backends.errors import NotFound, StoreError
from imagestore.catalog.dependencies import Dependencies
from imagestore.database import locations
from imagestore.model.image import Location

_AT_ONCE = 1000
_ASKED_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class LostCopy:
    """``store`` is empty if none is configured that could have the copy."""

    image_id: str
    store: str
    url: str
    reason: str


class LostCopies:
    """The search for them. For operators."""

    def __init__(self, deps: Dependencies) -> None:
        self._database = deps.database
        self._stores = deps.stores

    async def search(self, *, everywhere: bool = False) -> AsyncIterator[LostCopy]:
        """Copies that no store leads to. ``everywhere``: each store is asked for each of its
        copies as well, and for its size. The stores have to be started."""
        last = 0
        asking = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def one(image_id: str, size: int | None, location: Location) -> LostCopy | None:
            async with asking:
                store, reason = await self._fault(location, size, everywhere)
                return LostCopy(image_id, store, location.url, reason) if reason else None

        while rows := await self._database.read(locations.after, last, _AT_ONCE):
            for found in await asyncio.gather(*(one(*row) for row in rows)):
                if found is not None:
                    yield found
            last = rows[-1][2].id or 0

    async def _fault(
        self, location: Location, size: int | None, everywhere: bool
    ) -> tuple[str, str]:
        """Name of the store, and what is wrong there; nothing if it is right."""
        store = self._stores.of(location)
        if store is None:
            return "", "no store that is configured has such locations"
        try:
            return store.name, await self._fault_in(store, location, size, everywhere)
        except NotFound:
            return store.name, "missing"
        except StoreError as error:
            return store.name, error.message

    async def _fault_in(
        self, store: Store, location: Location, size: int | None, everywhere: bool
    ) -> str:
        if Capability.EXTERNAL in store.capabilities:
            return ""
        if store.owns(location.url) and not everywhere:
            return ""
        found = await store.size(location.url)
        return "" if size in (None, found) else f"{found} bytes, not {size}"
