"""Glance's own driver and ours, in one bucket of real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services.glance_store import Failed, GlanceStore

from .servers import SMALLEST, S3Service, Server, service

SMALL, LARGE = 300_000, 2 * SMALLEST * MIB + 17
SIZES = {"empty": 0, "small": SMALL, "in parts": LARGE}
LAYOUTS = pytest.mark.parametrize(
    ("server", "size"),
    [
        *(
            pytest.param(server, size, id=f"{server}-{name}")
            for server in ("ceph_http", "swift_server")
            for name, size in SIZES.items()
        ),
        # It differs in the location alone.
        pytest.param("ceph_https", SMALL, id="ceph_https-small"),
    ],
    indirect=["server"],
)
OPTIONS = (
    "s3_store_host",
    "s3_store_access_key",
    "s3_store_secret_key",
    "s3_store_bucket",
    "s3_store_large_object_size",
    "s3_store_large_object_chunk_size",
    "s3_store_cacert",
)


@pytest.fixture
async def ours(server: Server) -> AsyncIterator[S3Service]:
    async with service(server) as made:
        yield made


@pytest.fixture
def glance(ours: S3Service, tmp_path: Path) -> GlanceStore:
    options = {name: str(getattr(ours.settings, name)) for name in OPTIONS}
    return GlanceStore("s3", options, tmp_path / "glance")


@LAYOUTS
async def test_what_glance_wrote(size: int, glance: GlanceStore, ours: S3Service) -> None:
    image_id, data = new_id(), content(size)
    url = await asyncio.to_thread(glance.add, image_id, data, size=size)
    assert url == ours.url(image_id)
    assert ours.store.owns(url)
    assert await ours.store.size(url) == size
    assert await read(ours.store, url) == data
    with pytest.raises(errors.Exists):
        await ours.store.add(image_id, cut(b"other"))
    assert await read(ours.store, url, 100, 100) == data[100:200]
    await ours.store.delete(url)
    assert await ours.objects() == set()


@LAYOUTS
@pytest.mark.parametrize("announced", [True, False], ids=["known", "unknown"])
async def test_what_we_wrote(
    size: int, announced: bool, glance: GlanceStore, ours: S3Service
) -> None:
    image_id, data = new_id(), content(size)
    stored = await ours.store.add(image_id, cut(data), size if announced else None)
    assert await asyncio.to_thread(glance.get, stored.url) == data
    assert await asyncio.to_thread(glance.size, stored.url) == size
    with pytest.raises(Failed) as caught:
        await asyncio.to_thread(glance.add, image_id, b"other", size=5)
    assert caught.value.kind == "Duplicate"
    await asyncio.to_thread(glance.delete, stored.url)
    assert await ours.objects() == set()
