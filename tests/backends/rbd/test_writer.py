"""How images are laid out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import process

from .conftest import Pool

rbd = pytest.importorskip("rbd")


@asynccontextmanager
async def started(options: dict[str, Any], **more: Any) -> AsyncIterator[RBDStore]:
    store = RBDStore("ceph", RBDSettings(**{**options, **more}))
    await store.start()
    yield store
    await store.stop()


def data_objects(pool: Pool) -> int:
    return sum(name.startswith("rbd_data.") for name in pool.objects())


@pytest.mark.parametrize("announced", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(("thin", "objects"), [(False, 5), (True, 2)])
async def test_zeros(
    options: dict[str, Any], pool: Pool, thin: bool, objects: int, announced: bool
) -> None:
    data = b"a" + bytes(24 * MIB - 1) + content(8 * MIB) + bytes(8 * MIB)
    async with started(options, rbd_thin_provisioning=thin) as store:
        stored = await store.add(new_id(), cut(data), len(data) if announced else None)
        assert stored.size == len(data)
        assert data_objects(pool) == objects
        assert await read(store, stored.url) == data


@pytest.mark.parametrize(("chunk", "size"), [(1, MIB), (4, 4 * MIB), (6, 4 * MIB), (32, 32 * MIB)])
async def test_the_size_of_objects(
    options: dict[str, Any], pool: Pool, chunk: int, size: int
) -> None:
    name, data = new_id(), content(33 * MIB)
    async with started(options, rbd_store_chunk_size=chunk) as store:
        stored = await store.add(name, cut(data))
        with pool.image(name) as image:
            assert image.stat()["obj_size"] == size
            assert image.size() == len(data)
        assert await read(store, stored.url) == data


@pytest.mark.parametrize(
    ("wanted", "features"),
    [
        ((), 61),  # Ceph's own default
        (("layering",), rbd.RBD_FEATURE_LAYERING),
        (("exclusive-lock",), rbd.RBD_FEATURE_LAYERING | rbd.RBD_FEATURE_EXCLUSIVE_LOCK),
    ],
)
async def test_features(
    options: dict[str, Any], pool: Pool, wanted: tuple[str, ...], features: int
) -> None:
    name = new_id()
    async with started(options, rbd_store_features=wanted) as store:
        await store.add(name, cut(b"x"))
        with pool.image(name) as image:
            assert image.features() == features


async def test_it_grows_past_its_steps(options: dict[str, Any], pool: Pool) -> None:
    """Thin, so that several GiB cost nothing."""
    size = (3 << 30) + 17
    zeros = memoryview(bytes(64 * MIB))

    async def source() -> AsyncIterator[memoryview]:
        left = size - 1
        while left:
            block = zeros[: min(left, len(zeros))]
            left -= len(block)
            yield block
        yield memoryview(b"x")

    async with started(options, rbd_thin_provisioning=True, rbd_store_chunk_size=32) as store:
        stored = await store.add(new_id(), source())
        assert stored.size == await store.size(stored.url) == size
        assert await read(store, stored.url, size - 2) == b"\0x"
        assert data_objects(pool) == 1


MEMORY = """
import asyncio, json, os, sys
from pathlib import Path
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore

MIB = 1 << 20

def peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024

def forget():
    Path("/proc/self/clear_refs").write_text("5")
    return peak()

async def blocks(count):
    for _ in range(count):
        yield os.urandom(MIB)

async def main():
    options = json.loads(sys.argv[1])
    store = RBDStore("ceph", RBDSettings(**options))
    await store.start()
    stored = await store.add("small", blocks(8))
    before = forget()
    stored = await store.add("large", blocks(384))
    wrote = peak() - before
    before = forget()
    async with store.open(stored.url) as data:
        async for _ in data:
            pass
    print(json.dumps([wrote, peak() - before]))
    await store.stop()

asyncio.run(main())
"""


def test_memory_is_bounded(options: dict[str, Any], pool: Pool) -> None:
    command = [sys.executable, "-c", MEMORY, json.dumps(options)]
    done = subprocess.run(command, cwd=process.CHECKOUT, capture_output=True, text=True, check=True)
    assert max(json.loads(done.stdout)) <= 96 * MIB
    print(done.stdout)
