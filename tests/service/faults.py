"""Stores of the service that fail on demand, and images with several copies."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagestore.api import keys
from imagestore.backends.base import Capability
from imagestore.backends.file import driver
from imagestore.backends.testing.faulty import FaultyStore
from imagestore.config.settings import StoreAccess, Stores
from imagestore.database import locations
from imagestore.database.engine import Database
from imagestore.model.image import Location
from tests.service.conftest import Service, settings_in

PATIENT = StoreAccess(call_timeout=10.0, progress_timeout=60.0, retries=0, probe_interval=0.1)
"""A store that is slow since the machine has much to do is not one that hangs."""
IMPATIENT = replace(PATIENT, call_timeout=2.0, progress_timeout=2.0)
"""For tests that wait until a store that hangs is given up."""


class StreamedStore(FaultyStore):
    """As a remote store is: what it holds goes through the process."""

    def __init__(self, name: str, settings: Any) -> None:
        super().__init__(driver.create(name, settings))
        self.capabilities &= ~Capability.LOCAL_PATH


def faulty_driver(name: str) -> Any:
    """What ``drivers.get`` gives: the file driver, its stores ready to fail."""
    return replace(driver, name=name, create=StreamedStore)


def stores_in(directory: Path, access: StoreAccess = PATIENT, **places: Path) -> Stores:
    """The two stores of the service, used as ``access`` says, in these places if given."""
    stores: Stores = settings_in(directory).stores
    sections = tuple(
        replace(
            section,
            access=access,
            options={
                "filesystem_store_datadir": str(places.get(section.name, directory / section.name))
            },
        )
        for section in stores.sections
    )
    return replace(stores, sections=sections)


def inner(service: Service, name: str) -> FaultyStore:
    """The store itself, below its wrappers."""
    store: Any = service.client.app[keys.stores].get(name)
    while not isinstance(store, FaultyStore):
        store = store.store
    return store


def database(service: Service) -> Database:
    return service.client.app[keys.catalog].recovery._database


async def copy_to(
    service: Service, image: str, store: str, *, source: str = "file1", place: Path | None = None
) -> None:
    """Give the image a second copy, in ``store``, whose directory is ``place``."""
    directory = service.settings.data_dir
    place = place or directory / store
    shutil.copy(directory / source / image, place / image)
    location = Location(f"file://{place}/{image}", {"store": store})
    await database(service).write(locations.add, image, location)
