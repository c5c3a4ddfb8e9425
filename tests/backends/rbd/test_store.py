"""The RBD driver on a real cluster: the contract that all drivers keep, and what is its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Capacity
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore
from imagestore.backends.testing.contract import MIB, StoreContract, content, cut, new_id, read

from ..excerpt import excerpt
from .conftest import Pool


class RealService:
    def __init__(self, store: RBDStore, pool: Pool) -> None:
        self.store = store
        self.pool = pool
        other = "00000000-0000-0000-0000-000000000000"
        self.invalid_urls = [
            "",
            "rbd:",
            "rbd://",
            "rbd:///",
            "file:///tmp/x",
            "rbd://a/b",
            "rbd://a/b/c",
            f"rbd://{pool.fsid}/{pool.name}/x/snap/more",
            f"rbd://{pool.fsid}/{pool.name}//snap",
            f"rbd://{pool.fsid}/{pool.name}/x/",
            f"rbd://{other}/{pool.name}/x/snap",
            f"rbd://{pool.fsid}/{pool.name}/x%00y/snap",
            f"rbd://{pool.fsid}/{pool.name}/%ff/snap",
        ]

    def url(self, image_id: str) -> str:
        return f"rbd://{self.pool.fsid}/{self.pool.name}/{image_id}/snap"

    async def objects(self) -> set[str]:
        return self.pool.objects()


class TestRBDStore(StoreContract):
    large = 72 * MIB
    huge = 128 * MIB
    part = 8 * MIB
    readable_when_deleted = False

    @pytest.fixture
    async def service(self, pool: Pool, options: dict[str, Any]) -> AsyncIterator[RealService]:
        store = RBDStore("ceph", RBDSettings(**options))
        await store.start()
        yield RealService(store, pool)
        await store.stop()


class TestThinRBDStore(
    excerpt(
        TestRBDStore,
        "test_what_goes_in_comes_out",
        "test_large",
        "test_huge",
        "test_ranges",
        "test_blocks_of_any_size_and_kind",
        "test_zeros_are_bytes_too",
        "test_nothing_is_readable_before_the_end",
        "test_wrong_size",
        "test_source_that_raises",
        "test_cancelled_while_the_source_waits",
        "test_cancelled_at_any_moment",
        "test_an_object_is_never_replaced",
        "test_discard",
        "test_everything_is_told_of",
    )
):
    """Zeros are left out; objects are small, so that they are many: what is about their data."""

    part = 1 * MIB

    @pytest.fixture
    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {
            **options,
            "rbd_thin_provisioning": True,
            "rbd_store_chunk_size": 1,
            "rbd_store_features": ("layering",),
        }


async def test_what_is_told_of_it(options: dict[str, Any], pool: Pool) -> None:
    store = RBDStore("ceph", RBDSettings(**options))
    other = f"rbd://{uuid.uuid4()}/{pool.name}/x/snap"
    ours = f"rbd://{pool.fsid}/{pool.name}/x/snap"
    assert store.owns(ours)
    assert not store.owns(f"rbd://{pool.fsid}/volumes/x/snap")
    assert not store.owns("file:///x")
    assert store.details()["fsid"] is None
    await store.start()
    assert store.owns(ours)
    assert not store.owns(other)
    assert store.details() == {
        "chunk_size": 8 * MIB,
        "pool": pool.name,
        "thin_provisioning": False,
        "fsid": pool.fsid,
    }
    assert store.local_path(ours) is None
    # Only a manager knows how full a pool is, and this cluster has none.
    assert await store.capacity() == Capacity(None, None)
    await store.stop()
    with pytest.raises(errors.Unavailable):
        await store.size(ours)


def test_places(tmp_path: Path) -> None:
    conf = tmp_path / "ceph.conf"
    (tmp_path / "link.conf").symlink_to(conf)

    def places(**options: Any) -> frozenset[str]:
        return RBDStore("ceph", RBDSettings(**options)).places()

    one = places(rbd_store_ceph_conf=str(conf))
    assert one == places(rbd_store_ceph_conf=str(tmp_path / "link.conf"), rbd_store_pool="images")
    assert one != places(rbd_store_ceph_conf=str(conf), rbd_store_pool="volumes")
    assert places() == places(rbd_store_ceph_conf="/etc/ceph/ceph.conf")


async def test_the_loop_is_not_held(options: dict[str, Any], pool: Pool) -> None:
    """Another task goes on while librbd copies, waits, opens and removes."""
    store = RBDStore("ceph", RBDSettings(**options))
    await store.start()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    stored = await store.add(new_id(), cut(content(32 * MIB)))
    await read(store, stored.url)
    await store.delete(stored.url)
    counting.cancel()
    assert turns > 1000
    await store.stop()
