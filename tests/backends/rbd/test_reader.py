"""What can be read, and that what was removed is not taken for zeros."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import ceph

from .conftest import Pool


@pytest.fixture
async def store(options: dict[str, Any]) -> AsyncIterator[RBDStore]:
    made = RBDStore("ceph", RBDSettings(**{**options, "rbd_thin_provisioning": True}))
    await made.start()
    yield made
    await made.stop()


def url(pool: Pool, name: str, snapshot: str = "snap") -> str:
    return f"rbd://{pool.fsid}/{pool.name}/{name}/{snapshot}"


async def test_an_image_without_its_snapshot_is_none(store: RBDStore, pool: Pool) -> None:
    name = new_id()
    pool.rbd.RBD().create(pool.context, name, MIB, 22, False, 1)
    for _ in range(2):
        for location in (url(pool, name), f"rbd://{name}"):
            assert not await store.exists(location)
            with pytest.raises(errors.NotFound):
                await read(store, location)
        with pool.image(name) as image:  # nor is one whose snapshot is not protected yet
            if not list(image.list_snaps()):
                image.create_snap("snap")


async def test_the_short_form(store: RBDStore, pool: Pool) -> None:
    data = content(9 * MIB)
    name = new_id()
    await store.add(name, cut(data))
    assert store.owns(f"rbd://{name}")
    assert await store.size(f"rbd://{name}") == len(data)
    assert await read(store, f"rbd://{name}", 5, MIB) == data[5 : 5 + MIB]
    await store.delete(f"rbd://{name}")
    assert pool.objects() == set()
    with pytest.raises(errors.NotFound):
        await store.delete(f"rbd://{name}")


async def test_images_of_the_first_format(
    store: RBDStore, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Glance wrote where librbd knew no snapshots: librbd makes them only when told to."""
    monkeypatch.setenv("RBD_FORCE_ALLOW_V1", "1")
    os.putenv("RBD_FORCE_ALLOW_V1", "1")
    cluster = pool.rados.Rados(
        conffile=pool.conf, name="client.admin", conf={"rbd_default_format": "1"}
    )
    cluster.connect()
    name, data = new_id(), content(5 * MIB)
    with cluster.open_ioctx(pool.name) as context:
        pool.rbd.RBD().create(context, name, len(data), 22, True)
        with pool.rbd.Image(context, name) as image:
            assert image.old_format()
            image.write(data, 0)
    cluster.shutdown()
    assert await read(store, f"rbd://{name}") == data
    async with store.open(f"rbd://{name}") as blocks:
        async for _ in blocks:
            with pytest.raises(errors.Busy):
                await store.delete(f"rbd://{name}")
    await store.delete(f"rbd://{name}")
    assert pool.objects() == set()


async def test_another_snapshot_and_another_pool(
    store: RBDStore, pool: Pool, cluster: ceph.Ceph, options: dict[str, Any]
) -> None:
    data = content(3 * MIB)
    name = new_id()
    await store.add(name, cut(data))
    with pool.image(name) as image:
        image.create_snap("other")
    assert await read(store, url(pool, name, "other")) == data
    elsewhere = RBDStore(
        "elsewhere",
        RBDSettings(rbd_store_ceph_conf=pool.conf, rbd_store_pool=ceph.POOL, rbd_store_timeout=30),
    )
    await elsewhere.start()
    assert not elsewhere.owns(url(pool, name))
    assert await read(elsewhere, url(pool, name)) == data
    await elsewhere.stop()


@pytest.mark.parametrize("by", ["us", "another"])
async def test_what_is_removed_while_it_is_read(store: RBDStore, pool: Pool, by: str) -> None:
    data = content(64 * MIB)
    name = new_id()
    stored = await store.add(name, cut(data))
    got = b""
    with pytest.raises(errors.NotFound):
        async with store.open(stored.url) as blocks:
            async for block in blocks:
                if not got:
                    if by == "us":
                        await store.delete(stored.url)
                    else:
                        with pool.image(name) as image:
                            image.unprotect_snap("snap")
                            image.remove_snap("snap")
                        pool.rbd.RBD().remove(pool.context, name)
                got += bytes(block)
    assert got
    assert data.startswith(got)


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, None), (8 * MIB - 1, 3), (12 * MIB + 5, 9 * MIB), (20 * MIB, 4 * MIB), (40 * MIB, 1)],
)
async def test_holes(store: RBDStore, offset: int, length: int | None) -> None:
    """Whole objects of zeros, at the edges and between."""
    hole = bytes(16 * MIB)
    data = hole + content(3 * MIB) + hole + b"x" + hole
    stored = await store.add(new_id(), cut(data), len(data))
    end = None if length is None else offset + length
    assert await read(store, stored.url, offset, length) == data[offset:end]


async def test_a_hole_that_is_removed_while_it_is_read(store: RBDStore) -> None:
    data = content(MIB) + bytes(300 * MIB)
    stored = await store.add(new_id(), cut(data), len(data))
    with pytest.raises(errors.NotFound):
        async with store.open(stored.url) as blocks:
            first = True
            async for _ in blocks:
                if first:
                    first = False
                    await store.delete(stored.url)


async def test_what_was_opened_a_moment_ago_is_not_closed_yet(store: RBDStore, pool: Pool) -> None:
    """librbd may not be done with opening it; see OpenImage."""
    name = new_id()
    await store.add(name, cut(b"x"))
    begun = time.monotonic()
    await store.size(f"rbd://{name}")
    for _ in range(3):  # and whatever stays open keeps no one from removing it
        await store.exists(f"rbd://{name}")
    await store.delete(f"rbd://{name}")
    connection = store._connection
    assert connection is not None
    assert connection._holders
    while connection._holders:
        await asyncio.sleep(0.01)
    assert time.monotonic() - begun >= 1.0
