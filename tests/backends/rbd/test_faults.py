"""A cluster that stops, that is full, and that comes back. Each test has one of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import ceph, process

from .conftest import Pool

TIMEOUT = 2
"""Seconds that the store gives the cluster."""
PATIENCE = 15
"""Seconds within which a call must be over: much less than for ever, on a busy machine too."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ceph.Ceph]:
    cluster = ceph.start(tmp_path / "ceph")
    yield cluster
    cluster.stop()


@pytest.fixture
def pool(own: ceph.Ceph) -> Iterator[Pool]:
    pool = Pool(own.url, ceph.POOL)
    yield pool
    pool.close()


def options(cluster: ceph.Ceph, **more: Any) -> RBDSettings:
    given = {"rbd_store_user": ceph.USER, "rbd_store_timeout": TIMEOUT, **more}
    return RBDSettings(rbd_store_ceph_conf=cluster.url, **given)


@pytest.fixture
async def store(own: ceph.Ceph) -> AsyncIterator[RBDStore]:
    made = RBDStore("ceph", options(own))
    await made.start()
    yield made
    await made.stop()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The daemon does nothing during the body."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def discard(store: RBDStore, name: str) -> None:
    """As recovery does: again and again until it is done."""
    for _ in range(100):
        try:
            await store.discard(name)
            return
        except errors.Unavailable:
            await asyncio.sleep(0.2)
    pytest.fail("it could not be discarded")


@pytest.mark.parametrize(
    ("blocks", "announced"),
    [(0, True), (9, False), (79, True)],
    ids=["at once", "while it grows", "at its end"],
)
async def test_the_cluster_stops_during_an_upload(
    own: ceph.Ceph, pool: Pool, store: RBDStore, blocks: int, announced: bool
) -> None:
    name, data = new_id(), content(80 * MIB)

    async def source() -> AsyncIterator[memoryview]:
        number = 0
        async for block in cut(data):
            if number == blocks:
                os.kill(own.osd_pid, signal.SIGSTOP)
            number += 1
            yield memoryview(block)

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(errors.Unavailable) as caught:
            await store.add(name, source(), len(data) if announced else None)
    assert caught.value.store == "ceph"
    os.kill(own.osd_pid, signal.SIGCONT)
    await discard(store, name)
    # The writer takes back what it had made, too, and may come to an end a little later.
    async with asyncio.timeout(PATIENCE):
        while pool.objects():
            await asyncio.sleep(0.1)
    stored = await store.add(name, cut(data))
    assert await read(store, stored.url) == data


@pytest.mark.parametrize("again", ["delete", "discard"])
async def test_the_cluster_stops_during_a_removal(
    own: ceph.Ceph, pool: Pool, store: RBDStore, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is gone by then, and the data in RBD's trash: it must not stay there for good."""
    name = new_id()
    stored = await store.add(name, cut(content(80 * MIB)))
    calls = store._calls
    assert calls is not None
    progress = calls.progress

    async def stopping(function: Callable[[Callable[..., int]], Any]) -> Any:
        def stop_and(report: Callable[..., int]) -> Callable[..., int]:
            def told(*arguments: object) -> int:
                os.kill(own.osd_pid, signal.SIGSTOP)
                return report(*arguments)

            return told

        return await progress(lambda report: function(stop_and(report)))

    with monkeypatch.context() as patched:
        patched.setattr(calls, "progress", stopping)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(errors.Unavailable):
                await store.delete(stored.url)
    os.kill(own.osd_pid, signal.SIGCONT)
    if again == "discard":
        await discard(store, name)
    else:
        async with asyncio.timeout(4 * PATIENCE):
            while True:
                try:
                    await store.delete(stored.url)
                except errors.NotFound:
                    break
                except errors.StoreError:
                    await asyncio.sleep(0.2)
    end = asyncio.get_running_loop().time() + PATIENCE
    while left := pool.objects():
        assert asyncio.get_running_loop().time() < end, left
        await asyncio.sleep(0.1)


async def test_the_cluster_stops_during_a_download(own: ceph.Ceph, store: RBDStore) -> None:
    data = content(64 * MIB)
    stored = await store.add(new_id(), cut(data))
    got = b""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(errors.Unavailable):
            async with store.open(stored.url) as blocks:
                async for block in blocks:
                    if not got:
                        os.kill(own.osd_pid, signal.SIGSTOP)
                    got += bytes(block)
    assert data.startswith(got)
    assert len(got) < len(data)
    os.kill(own.osd_pid, signal.SIGCONT)
    assert await read(store, stored.url) == data


async def test_no_call_hangs(own: ceph.Ceph, pool: Pool, store: RBDStore) -> None:
    name = new_id()
    stored = await store.add(name, cut(b"there"))

    async def entered() -> None:
        async with store.open(stored.url):
            pytest.fail("opened although nothing answers")

    with stopped(own.osd_pid):
        for call in (
            store.size(stored.url),
            store.exists(stored.url),
            store.delete(stored.url),
            store.discard(name),
            store.add(new_id(), cut(b"new")),
            entered(),
        ):
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(errors.Unavailable):
                    await call
        other = RBDStore("other", options(own))
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(errors.Unavailable):
                await other.start()
            await other.stop()
    with stopped(own.mon_pid):
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(errors.Unavailable):
                await store.capacity()
    assert await read(store, stored.url) == b"there"


async def test_many_more_calls_than_threads_hang(own: ceph.Ceph, store: RBDStore) -> None:
    stored = await store.add(new_id(), cut(b"there"))
    with stopped(own.osd_pid):
        async with asyncio.timeout(PATIENCE):
            results = await asyncio.gather(
                *(store.size(stored.url) for _ in range(100)), return_exceptions=True
            )
        assert {type(each) for each in results} == {errors.Unavailable}
        # There are threads for one more question: no call keeps one for ever.
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(errors.Unavailable):
                await store.capacity()
    for _ in range(50):  # what was asked in vain is still being given up
        try:
            assert await store.size(stored.url) == 5
            break
        except errors.Unavailable:
            await asyncio.sleep(0.1)
    else:
        pytest.fail("the store does not work any more")


async def test_stop_does_not_wait_for_a_cluster_that_hangs(own: ceph.Ceph) -> None:
    store = RBDStore("ceph", options(own))
    await store.start()
    stored = await store.add(new_id(), cut(content(32 * MIB)))
    with stopped(own.osd_pid):
        reading = asyncio.create_task(read(store, stored.url))
        await asyncio.sleep(0.2)
        async with asyncio.timeout(PATIENCE):
            await store.stop()
        with pytest.raises(errors.Unavailable):
            await reading
    await store.start()
    assert await store.size(stored.url) == 32 * MIB
    await store.stop()


PROGRAM = """
import asyncio, os, signal, sys
from imagestore.backends.base import Capacity
from imagestore.backends.rbd import RBDSettings
from imagestore.backends.rbd.store import RBDStore

async def blocks():
    yield bytes([1]) * (40 << 20)

async def read(store, url):
    async with store.open(url) as blocks:
        async for block in blocks:
            os.kill(int(sys.argv[2]), signal.SIGSTOP)

async def main():
    store = RBDStore("ceph", RBDSettings(
        rbd_store_ceph_conf=sys.argv[1], rbd_store_user="images", rbd_store_timeout=600))
    await store.start()
    stored = await store.add("image", blocks())
    reading = asyncio.create_task(read(store, stored.url))
    await asyncio.sleep(1)
    sizes = [asyncio.create_task(store.size(stored.url)) for _ in range(20)]
    await asyncio.sleep(0.2)
    print("leaving", flush=True)

asyncio.run(main())
"""


def test_a_call_that_hangs_does_not_keep_the_process(own: ceph.Ceph) -> None:
    command = [sys.executable, "-c", PROGRAM, own.url, str(own.osd_pid)]
    try:
        done = subprocess.run(
            command, cwd=process.CHECKOUT, capture_output=True, text=True, timeout=60
        )
    finally:
        os.kill(own.osd_pid, signal.SIGCONT)
    assert done.stdout == "leaving\n"
    assert done.returncode == 0, done.stderr


async def test_a_full_cluster(tmp_path: Path) -> None:
    cluster = ceph.start(tmp_path / "ceph", size=96 * MIB)
    pool = Pool(cluster.url, ceph.POOL)
    store = RBDStore("ceph", options(cluster, rbd_store_timeout=30))
    await store.start()
    try:
        block = content(4 * MIB)

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield block
                await asyncio.sleep(0.1)

        kept = await store.add(new_id(), cut(block))
        before = pool.objects()
        async with asyncio.timeout(60):
            with pytest.raises(errors.Full):
                await store.add(new_id(), endless())
        assert pool.objects() == before
        assert await read(store, kept.url) == block
        await store.delete(kept.url)
        assert pool.objects() == set()
    finally:
        await store.stop()
        pool.close()
        cluster.stop()
