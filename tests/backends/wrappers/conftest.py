"""A store on a real disk that fails on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagestore.backends.file import FileSettings
from imagestore.backends.file.store import FileStore
from imagestore.backends.testing.faulty import FaultyStore


@pytest.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    settings = FileSettings(filesystem_store_datadir=str(tmp_path / "images"))
    store = FaultyStore(FileStore("files", settings))
    await store.start()
    store.calls.clear()
    yield store
    await store.stop()
