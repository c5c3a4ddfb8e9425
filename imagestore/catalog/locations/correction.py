"""Locations: which store a copy lies in, put right where the record is missing or stale."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace

from imagestore.catalog.dependencies import Dependencies
from imagestore.database import locations
from imagestore.model.errors import ImagestoreError
from imagestore.model.image import Location

log = logging.getLogger(__name__)


class StoreCorrections:
    """Corrects the ``store`` of locations that are read, and records it behind the reader's back.

    Images from before there were several stores name none, and stores get renamed. What is
    recorded counts while the store of that name has the URL as its own, or no other has.
    """

    def __init__(self, deps: Dependencies) -> None:
        self._stores = deps.stores
        self._database = deps.database
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def corrected(self, found: Iterable[Location]) -> list[Location]:
        """The locations, each with the store that it belongs to; with one store as they are."""
        if not self._stores.multiple:
            return list(found)
        return [self._corrected(location) for location in found]

    async def settle(self) -> None:
        """Wait for what is being recorded."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _corrected(self, location: Location) -> Location:
        named = location.store
        if named in self._stores and self._stores.get(str(named)).owns(location.url):
            return location
        store = self._stores.by_url(location.url)
        if store is None or store.name == named:
            return location
        right = replace(location, metadata={**location.metadata, "store": store.name})
        if location.id is not None and location.id not in self._under_way:
            task = asyncio.create_task(self._record(location, right))
            self._under_way[location.id] = task
            task.add_done_callback(lambda _: self._under_way.pop(location.id or 0))
        return right

    async def _record(self, location: Location, right: Location) -> None:
        try:
            await self._database.write(locations.set_metadata, location, right.metadata)
        except ImagestoreError as error:
            log.warning("the store of a location was not put right: %s", error)
        else:
            log.info("location %s: store %s, not %s", location.id, right.store, location.store)
