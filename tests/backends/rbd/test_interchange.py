"""Glance's own driver and ours, in one pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import link_ceph
from tests.services.glance_store import Failed, GlanceStore

from .conftest import Pool
from .test_removal import clone

SIZES = pytest.mark.parametrize("size", [0, 1, 8 * MIB, 20 * MIB + 4097])
THIN = pytest.mark.parametrize("thin", [False, True], ids=["thick", "thin"])


def given(options: dict[str, Any], thin: bool) -> dict[str, Any]:
    return {**options, "rbd_thin_provisioning": thin, "rados_connect_timeout": 30}


@pytest.fixture
async def ours(options: dict[str, Any], thin: bool) -> AsyncIterator[RBDStore]:
    store = RBDStore("ceph", RBDSettings(**given(options, thin)))
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
def glance(options: dict[str, Any], thin: bool, tmp_path: Path) -> GlanceStore:
    known = given(options, thin).items()
    return GlanceStore(
        "rbd",
        {name: str(value) for name, value in known if name != "rbd_store_timeout"},
        tmp_path / "glance",
        paths=[str(link_ceph.SYSTEM)],
    )


def sample(size: int) -> bytes:
    """With a hole in it, where it is large enough."""
    data = content(size)
    return data[: 4 * MIB] + bytes(8 * MIB) + data[12 * MIB :] if size > 12 * MIB else data


def layout(pool: Pool, name: str) -> dict[str, Any]:
    """What another service that uses the image sees of it."""
    with pool.image(name) as image:
        return {
            "size": image.size(),
            "object size": image.stat()["obj_size"],
            "features": image.features(),
            "snapshots": [
                (each["name"], each["size"], image.is_protected_snap(each["name"]))
                for each in image.list_snaps()
            ],
        }


@THIN
@SIZES
@pytest.mark.parametrize("announced", [True, False], ids=["known", "unknown"])
async def test_what_glance_wrote(
    ours: RBDStore, glance: GlanceStore, pool: Pool, size: int, announced: bool
) -> None:
    name, data = new_id(), sample(size)
    url = glance.add(name, data, size=size if announced else None)
    assert ours.owns(url)
    assert await ours.size(url) == size
    assert await read(ours, url) == data
    assert await read(ours, url, size // 2, 1000) == data[size // 2 : size // 2 + 1000]
    with pytest.raises(errors.Exists):
        await ours.add(name, cut(b"another"))

    mine = new_id()
    stored = await ours.add(mine, cut(data), size if announced else None)
    assert stored.url == url.replace(name, mine)
    assert layout(pool, mine) == layout(pool, name)

    await ours.delete(url)
    await ours.delete(stored.url)
    assert pool.objects() == set()


@THIN
@SIZES
async def test_what_we_wrote(ours: RBDStore, glance: GlanceStore, pool: Pool, size: int) -> None:
    name, data = new_id(), sample(size)
    stored = await ours.add(name, cut(data))
    assert glance.get(stored.url) == data
    assert glance.size(stored.url) == size
    with pytest.raises(Failed) as caught:
        glance.add(name, b"another")
    assert caught.value.kind == "Duplicate"
    glance.delete(stored.url)
    assert not await ours.exists(stored.url)
    assert pool.objects() == set()


@pytest.mark.parametrize("thin", [False])
async def test_clones_keep_images_for_both(ours: RBDStore, glance: GlanceStore, pool: Pool) -> None:
    name, data = new_id(), content(9 * MIB)
    stored = await ours.add(name, cut(data))
    clone(pool, name, "volume", kind=1)
    with pytest.raises(Failed) as caught:
        glance.delete(stored.url)
    assert caught.value.kind == "InUseByStore"
    with pytest.raises(errors.Busy):
        await ours.delete(stored.url)
    with pool.image("volume") as volume:
        assert volume.read(0, len(data)) == data
    assert await read(ours, stored.url) == data


@pytest.mark.parametrize("thin", [False])
async def test_a_removal_that_glance_began(ours: RBDStore, glance: GlanceStore, pool: Pool) -> None:
    """An image that is open is not removed, but Glance has taken its snapshot by then."""
    name = new_id()
    url = glance.add(name, content(MIB))
    with pool.image(name), pytest.raises(Failed) as caught:
        glance.delete(url)
    assert caught.value.kind == "InUseByStore"
    assert not await ours.exists(url)
    await ours.delete(url)
    assert pool.objects() == set()
