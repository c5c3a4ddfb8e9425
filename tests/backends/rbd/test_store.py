"""The RBD driver on a real cluster: the contract that all drivers keep, and what is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from imagestore.backends.rbd import RBDSettings, RBDStore

from ..contract import MIB, StoreContract
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
    large = 200 * MIB
    part = 8 * MIB
    readable_when_deleted = False

    @pytest.fixture
    async def service(self, pool: Pool, options: dict[str, Any]) -> AsyncIterator[RealService]:
        store = RBDStore("ceph", RBDSettings(**options))
        await store.start()
        yield RealService(store, pool)
        await store.stop()


class TestThinRBDStore(TestRBDStore):
    """Zeros are left out; objects are small, so that they are many."""

    part = 1 * MIB

    @pytest.fixture
    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {
            **options,
            "rbd_thin_provisioning": True,
            "rbd_store_chunk_size": 1,
            "rbd_store_features": ("layering",),
        }
