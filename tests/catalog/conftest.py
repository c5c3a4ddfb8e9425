"""The catalogue without HTTP: SQLite, and stores of files or in memory, which fail on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import file
from imagestore.backends.base import Blocks, Driver
from imagestore.backends.testing import memory
from imagestore.backends.testing.faulty import FaultyStore
from imagestore.backends.testing.memory import MemoryStore
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.dependencies import Dependencies, assemble
from imagestore.config import drivers
from imagestore.config.settings import Replication, Settings, Stores, StoreSection
from imagestore.database import images, journal
from imagestore.database.engine import Database
from imagestore.database.journal import Entry
from imagestore.identity.caller import Caller
from imagestore.model.image import Image
from imagestore.workers.runner import JobRunner
from tests.database.samples import image
from tests.service.conftest import settings_in
from tests.service.faults import PATIENT

ALICE = Caller(user_id="alice", project_id="one", roles=frozenset({"member", "reader"}))
DATA = b"data of an image"


async def blocks_of(data: bytes) -> Blocks:
    yield data


@dataclass
class House:
    """What the operations work with, and how a test looks at what they leave behind."""

    deps: Dependencies
    catalog: Catalog

    @property
    def database(self) -> Database:
        return self.deps.database

    async def queued(self, **attributes: Any) -> Image:
        made = image(disk_format="raw", container_format="bare", **attributes)
        await self.database.write(images.insert, made)
        return made

    async def active(self, **attributes: Any) -> Image:
        made = await self.queued(**attributes)
        await self.catalog.uploads.upload(ALICE, made.id, blocks_of(DATA))
        return await self.image(made.id)

    async def image(self, image_id: str) -> Image:
        row = await self.database.read(images.get, image_id)
        assert row is not None
        return row.image

    async def journal(self) -> list[Entry]:
        return await self.database.read(journal.entries)

    def store(self, name: str) -> FaultyStore:
        """Of a house with stores in memory: the one of that name, without its wrappers."""
        store = self.deps.stores.driver(name)
        assert isinstance(store, FaultyStore)
        return store

    def objects(self, name: str) -> dict[str, bytes | bytearray]:
        """What is in that store; a test may put things there, or damage them."""
        memory = self.store(name).store
        assert isinstance(memory, MemoryStore)
        return memory.objects

    async def stores_of(self, image_id: str) -> list[str | None]:
        """Where the image has copies, as recorded, the oldest first."""
        return [each.store for each in (await self.image(image_id)).locations]

    def file(self, store: str, image_id: str) -> Path:
        return self.deps.settings.data_dir / store / image_id


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    deps = assemble(settings, Database(settings.database))
    catalog = Catalog(deps)
    await deps.database.open()
    await deps.stores.start()
    try:
        yield House(deps, catalog)
    finally:
        await deps.stores.stop()
        await deps.database.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(settings_in(tmp_path)) as opened_house:
        yield opened_house


NAMES = ("first", "second", "third")


def driver_of(name: str) -> Driver:
    """What ``drivers.get`` gives: stores in memory, ready to fail; files for what is staged."""
    if name != "memory":
        return file.driver
    return replace(memory.driver, create=lambda *made: FaultyStore(MemoryStore(*made)))


@pytest.fixture
async def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Three stores in memory; the first is the default and the best. No job is worked on."""
    monkeypatch.setattr(drivers, "get", driver_of)
    async with opened(in_memory(tmp_path, server_side=False)) as opened_house:
        yield opened_house


def in_memory(directory: Path, *, server_side: bool) -> Settings:
    """Of stores of the type ``memory``; ``server_side``: whether they copy by themselves."""
    reserved = settings_in(directory).stores.reserved
    sections = tuple(
        StoreSection(name, "memory", {}, weight=10 - number, access=PATIENT)
        for number, name in enumerate(NAMES)
    )
    stores = Stores(sections, "first", multiple=True, reserved=reserved)
    return settings_in(directory, stores=stores, replication=Replication(server_side=server_side))


@pytest.fixture
async def working(remote: House) -> AsyncIterator[House]:
    """Whose jobs are worked on."""
    runner = asyncio.create_task(JobRunner(remote.catalog.jobs, 2, look=0.05).run())
    yield remote
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
