"""The contract of all stores, for the driver that is installed: run by ``test_installed``."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagestore.backends.base import Store
from imagestore.backends.testing.contract import MIB, StoreContract
from imagestore.config import drivers


class FileOfObjects:
    def __init__(self, store: Store, path: Path) -> None:
        self.store = store
        self._path = path
        prefix = f"sqlitestore://{path}"
        self.invalid_urls = [
            "",
            "sqlitestore://",
            f"file://{path}/x",
            f"{prefix}x/x",
            f"{prefix}/",
            f"{prefix}/.x",
            f"{prefix}/a/b",
            f"{prefix}/a b",
            f"{prefix}/a\n",
            f"sqlitestore://{path.parent}/other/x",
        ]

    def url(self, image_id: str) -> str:
        return f"sqlitestore://{self._path}/{image_id}"

    async def objects(self) -> set[str]:
        connection = sqlite3.connect(self._path)
        try:
            chunks = connection.execute("SELECT DISTINCT object FROM chunks").fetchall()
            objects = connection.execute("SELECT id FROM objects").fetchall()
        finally:
            connection.close()
        return {str(row[0]) for row in (*chunks, *objects)}


class TestContract(StoreContract):
    large = 8 * MIB
    huge = 16 * MIB
    readable_when_deleted = False

    @pytest.fixture
    async def service(self, tmp_path: Path) -> AsyncIterator[FileOfObjects]:
        driver = drivers.get("sqlite")
        path = tmp_path / "objects"
        store = driver.create("small", driver.settings(sqlite_store_path=str(path)))
        await store.start()
        yield FileOfObjects(store, path)
        await store.stop()
