"""Glance's own driver and ours, in one directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagestore.backends import errors
from imagestore.backends.file import FileSettings
from imagestore.backends.file.store import FileStore
from imagestore.backends.testing.contract import content, cut, new_id, read
from tests.services.glance_store import Failed, GlanceStore

SIZES = pytest.mark.parametrize("size", [0, 1, 5_000_001])


@pytest.fixture
def glance(tmp_path: Path) -> GlanceStore:
    images = tmp_path / "images"
    images.mkdir()
    return GlanceStore("file", {"filesystem_store_datadir": str(images)}, tmp_path / "glance")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore("ours", FileSettings(filesystem_store_datadir=str(tmp_path / "images")))


@SIZES
async def test_what_glance_wrote(glance: GlanceStore, store: FileStore, size: int) -> None:
    data, image_id = content(size), new_id()
    url = glance.add(image_id, data, size=size)
    await store.start()
    assert store.owns(url)
    assert await store.size(url) == size
    assert await read(store, url) == data
    with pytest.raises(errors.Exists):
        await store.add(image_id, cut(b"other"))
    await store.delete(url)
    with pytest.raises(Failed, match="NotFound"):
        glance.get(url)
    await store.stop()


@SIZES
async def test_what_we_wrote(glance: GlanceStore, store: FileStore, size: int) -> None:
    data, image_id = content(size), new_id()
    await store.start()
    stored = await store.add(image_id, cut(data))
    assert glance.size(stored.url) == size
    assert glance.get(stored.url) == data
    with pytest.raises(Failed, match="Duplicate"):
        glance.add(image_id, b"other")
    glance.delete(stored.url)
    assert not await store.exists(stored.url)
    await store.stop()
