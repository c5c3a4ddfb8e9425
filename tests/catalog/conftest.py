"""The catalogue without HTTP: SQLite and two file stores in a temporary directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends.base import Blocks
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.dependencies import Dependencies, assemble
from imagestore.database import images, journal
from imagestore.database.engine import Database
from imagestore.database.journal import Entry
from imagestore.identity.caller import Caller
from imagestore.model.image import Image
from tests.database.samples import image
from tests.service.conftest import settings_in
from tests.services.databases import tables_in_a_file

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

    def file(self, store: str, image_id: str) -> Path:
        return self.deps.settings.data_dir / store / image_id


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    settings = settings_in(tmp_path)
    (tmp_path / "db.sqlite").write_bytes(await asyncio.to_thread(tables_in_a_file))
    deps = assemble(settings, Database(settings.database))
    catalog = Catalog(deps)
    await deps.database.open()
    await deps.stores.start()
    try:
        yield House(deps, catalog)
    finally:
        await deps.stores.stop()
        await deps.database.close()
