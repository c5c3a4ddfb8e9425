"""Locations: where a copy lies, put right where the record is missing or stale."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any

from imagestore.backends.base import Movable
from imagestore.backends.errors import StoreError
from imagestore.catalog.dependencies import Dependencies
from imagestore.database import locations
from imagestore.model.errors import ImagestoreError
from imagestore.model.image import Location

log = logging.getLogger(__name__)


class StoreCorrections:
    """Corrects locations that are read, and records it behind the reader's back.

    Their ``store``: images from before there were several stores name none, and stores get
    renamed. What is recorded counts while the store of that name has the URL as its own, or no
    other has. Their URL: directories get moved. The store finds the file before that is recorded.
    """

    def __init__(self, deps: Dependencies) -> None:
        self._stores = deps.stores
        self._database = deps.database
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def corrected(self, found: Iterable[Location]) -> list[Location]:
        """The locations, each with the store that it belongs to; with one store as they are."""
        return [self._corrected(location) for location in found]

    def right(self, location: Location) -> Location:
        """The location with the store that it belongs to; nothing is recorded."""
        if not self._stores.multiple or self._is_in_store_of_name(location):
            return location
        store = self._stores.by_url(location.url)
        if store is None or store.name == location.store:
            return location
        return replace(location, metadata={**location.metadata, "store": store.name})

    async def settle(self) -> None:
        """Wait for what is being recorded."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _is_in_store_of_name(self, location: Location) -> bool:
        named = location.store
        return named in self._stores and self._stores.get(str(named)).owns(location.url)

    def _corrected(self, location: Location) -> Location:
        right = self.right(location)
        if right is not location:
            self._record(location, self._name(location, right))
            return right
        store = self._stores.of(location)
        driver = None if store is None else self._stores.mover(store, location.url)
        if driver is not None:
            self._record(location, self._move(location, driver))
        return location

    def _record(self, location: Location, change: Coroutine[Any, Any, None]) -> None:
        if location.id is None or location.id in self._under_way:
            change.close()
            return
        task = asyncio.create_task(change)
        self._under_way[location.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(location.id or 0))

    async def _name(self, location: Location, right: Location) -> None:
        try:
            await self._database.write(locations.set_metadata, location, right.metadata)
        except ImagestoreError as error:
            log.warning("the store of a location was not put right: %s", error)
        else:
            log.info("location %s: store %s, not %s", location.id, right.store, location.store)

    async def _move(self, location: Location, driver: Movable) -> None:
        try:
            url = await driver.moved_to(location.url)
            if url is None:
                log.error(
                    "location %s: nothing is at %s, nor under that name in its store: "
                    "if it was moved, see 'imagestore db relocate'",
                    location.id,
                    location.url,
                )
            elif await self._database.write(locations.set_url, location, url):
                log.warning("location %s: moved to %s from %s", location.id, url, location.url)
        except (ImagestoreError, StoreError) as error:
            log.warning("a location was not put right: %s", error)
