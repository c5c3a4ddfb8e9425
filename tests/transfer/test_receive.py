"""A transfer as a whole: what it tells, how it ends, how much memory it takes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from imagestore.backends import errors as store_errors
from imagestore.backends.base import BLOCK_SIZE, Blocks, Buffer, Stored
from imagestore.backends.blocks import BlockPool
from imagestore.backends.file import FileSettings
from imagestore.backends.file.store import FileStore
from imagestore.backends.in_flight import DIGESTED
from imagestore.backends.testing.contract import SourceError, content, cut, read
from imagestore.config.settings import Images
from imagestore.model.digest import Digest
from imagestore.model.errors import Corrupt, OverLimit, Unavailable, Unsupported
from imagestore.model.image import Image
from imagestore.transfer.digest_process import digest_process
from imagestore.transfer.receive import receive

from . import samples


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FileStore]:
    store = FileStore("files", FileSettings(filesystem_store_datadir=str(tmp_path / "images")))
    await store.start()
    yield store
    await store.stop()


def image(disk_format: str = "raw", container_format: str = "bare") -> Image:
    now = datetime(2026, 1, 1)
    return Image("a", now, now, disk_format=disk_format, container_format=container_format)


def left(tmp_path: Path) -> list[str]:
    return os.listdir(tmp_path / "images")


@pytest.mark.parametrize("size", [0, 1, BLOCK_SIZE, 5 * BLOCK_SIZE + 3])
@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5"])
async def test_tells_all_about_the_image(store: FileStore, size: int, algorithm: str) -> None:
    data = content(size)
    received, stored = await receive(
        store, image(), cut(data), settings=Images(hashing_algorithm=algorithm), size=size
    )
    assert received.size == size
    assert received.checksum.value == hashlib.md5(data).hexdigest()
    assert received.os_hash.algorithm == algorithm
    assert received.os_hash.value == hashlib.new(algorithm, data).hexdigest()
    assert received.virtual_size == (size or None)
    assert stored.url == f"file://{store.local_path(stored.url)}"
    assert await read(store, stored.url) == data


async def test_from_recycled_blocks(store: FileStore) -> None:
    pool, data = BlockPool(), content(64 * BLOCK_SIZE)

    async def source() -> AsyncIterator[Buffer]:
        for start in range(0, len(data), BLOCK_SIZE):
            block = pool.take()
            block[:] = data[start : start + BLOCK_SIZE]
            yield block.toreadonly()

    received, stored = await receive(store, image(), source(), settings=Images())
    assert received.checksum.value == hashlib.md5(data).hexdigest()
    assert received.os_hash.value == hashlib.sha512(data).hexdigest()
    assert await read(store, stored.url) == data


async def test_several_at_once(tmp_path: Path, store: FileStore) -> None:
    async def one(number: int) -> None:
        data = content(3 * BLOCK_SIZE + number, number)
        target = image()
        target.id = f"image-{number}"
        received, stored = await receive(store, target, cut(data), settings=Images())
        assert received.checksum.value == hashlib.md5(data).hexdigest()
        assert await read(store, stored.url) == data

    await asyncio.gather(*map(one, range(12)))


async def test_tells_the_progress(store: FileStore) -> None:
    steps: list[int] = []
    await receive(
        store,
        image(),
        cut(content(2 * BLOCK_SIZE + 5)),
        settings=Images(),
        on_progress=steps.append,
    )
    assert steps == [BLOCK_SIZE, 2 * BLOCK_SIZE, 2 * BLOCK_SIZE + 5]


async def test_progress_may_end_it(tmp_path: Path, store: FileStore) -> None:
    def stop(size: int) -> None:
        if size > BLOCK_SIZE:
            raise SourceError("the image was deleted")

    with pytest.raises(SourceError):
        await receive(
            store, image(), cut(content(3 * BLOCK_SIZE)), settings=Images(), on_progress=stop
        )
    assert left(tmp_path) == []


@pytest.mark.parametrize("cap", [0, 1, BLOCK_SIZE, 3 * BLOCK_SIZE - 1])
async def test_over_the_cap(tmp_path: Path, store: FileStore, cap: int) -> None:
    with pytest.raises(OverLimit, match=str(cap)):
        await receive(store, image(), cut(content(3 * BLOCK_SIZE)), settings=Images(), size_cap=cap)
    assert left(tmp_path) == []


async def test_exactly_the_cap(store: FileStore) -> None:
    received, _ = await receive(
        store, image(), cut(content(1000)), settings=Images(), size_cap=1000
    )
    assert received.size == 1000


@pytest.mark.parametrize("name", ["zeros", "qcow2-backing", "qcow2-huge", "vmdk-flat", "one"])
async def test_refused_content(tmp_path: Path, store: FileStore, name: str) -> None:
    data = samples.make(tmp_path, name).read_bytes()
    for step in (BLOCK_SIZE, 10_000):
        with pytest.raises(Unsupported):
            await receive(store, image("qcow2"), cut(data, step), settings=Images())
        assert left(tmp_path) == []


async def test_refused_content_is_not_read_to_its_end(tmp_path: Path, store: FileStore) -> None:
    taken = 0

    async def endless() -> AsyncIterator[Buffer]:
        nonlocal taken
        while True:
            taken += BLOCK_SIZE
            yield bytes(BLOCK_SIZE)

    with pytest.raises(Unsupported):
        await asyncio.wait_for(receive(store, image("qcow2"), endless(), settings=Images()), 30)
    assert taken < 200 * BLOCK_SIZE
    assert left(tmp_path) == []


class Closing:
    """A source that knows whether it was closed."""

    def __init__(self, data: bytes, failure: Exception | None = None) -> None:
        self.closed = False
        self._data = data
        self._failure = failure
        self.blocks = self._blocks()

    async def _blocks(self) -> AsyncIterator[Buffer]:
        try:
            async for block in cut(self._data):
                yield block
            if self._failure:
                raise self._failure
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_a_source_that_fails(tmp_path: Path, store: FileStore) -> None:
    failure = SourceError("gone")
    source = Closing(content(2 * BLOCK_SIZE), failure)
    with pytest.raises(SourceError) as caught:
        await receive(store, image(), source.blocks, settings=Images())
    assert caught.value is failure
    assert source.closed
    assert left(tmp_path) == []


async def test_a_store_that_fails(tmp_path: Path, store: FileStore) -> None:
    source = Closing(content(4 * BLOCK_SIZE))
    with pytest.raises(store_errors.WrongSize):
        await receive(store, image(), source.blocks, settings=Images(), size=BLOCK_SIZE)
    assert source.closed
    assert left(tmp_path) == []


async def test_cancelled(tmp_path: Path, store: FileStore) -> None:
    for moment in range(5):
        source = Closing(content(3 * BLOCK_SIZE, moment))
        task = asyncio.create_task(receive(store, image(), source.blocks, settings=Images()))
        await asyncio.sleep(moment / 100)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # One that was cancelled before its first step never began.
        assert source.closed or not moment
        assert left(tmp_path) == []


async def test_nothing_can_be_read_before_the_digests_are_known(
    tmp_path: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    computing = asyncio.Event()

    async def never(self: object) -> Digest:
        computing.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("imagestore.transfer.digests.Digests.finish", never)
    task = asyncio.create_task(receive(store, image(), cut(content(10)), settings=Images()))
    await computing.wait()
    assert "a" not in left(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(tmp_path) == []


@pytest.mark.parametrize("capitals", [False, True])
async def test_a_checksum_that_was_said(tmp_path: Path, store: FileStore, capitals: bool) -> None:
    data = content(3 * BLOCK_SIZE)
    said = hashlib.md5(data).hexdigest()
    right = Digest("md5", said.upper() if capitals else said)
    received, stored = await receive(store, image(), cut(data), settings=Images(), checksum=right)
    assert received.checksum == right
    await store.delete(stored.url)
    with pytest.raises(Corrupt, match=said):
        await receive(
            store, image(), cut(data), settings=Images(), checksum=Digest("md5", "0" * 32)
        )
    assert left(tmp_path) == []


async def test_without_md5_only_one_that_was_said_is_computed(store: FileStore) -> None:
    data = content(BLOCK_SIZE)
    settings = Images(md5_checksum=False)
    received, stored = await receive(store, image(), cut(data), settings=settings)
    assert received.attributes()["checksum"] is None
    assert received.os_hash == Digest("sha512", hashlib.sha512(data).hexdigest())
    await store.delete(stored.url)
    said = Digest("md5", hashlib.md5(data).hexdigest())
    received, stored = await receive(store, image(), cut(data), settings=settings, checksum=said)
    assert received.checksum == said
    await store.delete(stored.url)
    wrong = Digest("md5", "0" * 32)
    with pytest.raises(Corrupt, match=said.value):
        await receive(store, image(), cut(data), settings=settings, checksum=wrong)


class SlowStore(FileStore):
    """Takes a block now and then, and counts what is given to it."""

    taken = 0

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        async for block in blocks:
            self.taken += len(block)
            await asyncio.sleep(0.005)
        return Stored("file:///nowhere", self.taken)


async def test_a_slow_store_slows_the_source() -> None:
    store = SlowStore("slow", FileSettings())
    pool = BlockPool(kept=1000)
    ahead = []

    async def source() -> AsyncIterator[Buffer]:
        for count in range(100):
            block = pool.take()
            ahead.append(count * BLOCK_SIZE - store.taken)
            yield block.toreadonly()

    await receive(store, image(), source(), settings=Images())
    assert max(ahead) <= BLOCK_SIZE
    assert len(pool._buffers) <= 16


async def test_slow_digests_slow_the_source(store: FileStore) -> None:
    pool, process = BlockPool(kept=1000), digest_process()
    os.kill(process.pid, signal.SIGSTOP)

    async def source() -> AsyncIterator[Buffer]:
        for count in range(100):
            if count == DIGESTED:
                # More is not asked for until some of these are done.
                asyncio.get_running_loop().call_later(0.05, os.kill, process.pid, signal.SIGCONT)
            yield pool.take().toreadonly()

    await receive(store, image(), source(), settings=Images())
    assert len(pool._buffers) <= 16


async def test_a_process_that_ends_with_digests_in_work(tmp_path: Path, store: FileStore) -> None:
    async def source() -> AsyncIterator[Buffer]:
        yield content(BLOCK_SIZE)
        os.kill(digest_process().pid, signal.SIGKILL)
        yield content(BLOCK_SIZE)

    with pytest.raises(Unavailable):
        await receive(store, image(), source(), settings=Images())
    assert left(tmp_path) == []
    received, _ = await receive(store, image(), cut(content(10)), settings=Images())
    assert received.size == 10


async def test_many_slow_sources_leave_threads_for_others(store: FileStore) -> None:
    released = asyncio.Event()

    async def slow() -> AsyncIterator[Buffer]:
        yield content(1000)
        await released.wait()
        yield content(1000)

    def target(number: int) -> Image:
        each = image()
        each.id = f"slow-{number}"
        return each

    tasks = [
        asyncio.create_task(receive(store, target(number), slow(), settings=Images()))
        for number in range(200)
    ]
    await asyncio.sleep(0.1)
    async with asyncio.timeout(10):
        received, _ = await receive(store, image(), cut(content(BLOCK_SIZE)), settings=Images())
    assert received.size == BLOCK_SIZE
    released.set()
    results = await asyncio.gather(*tasks)
    assert {each.size for each, _ in results} == {2000}
    with contextlib.suppress(store_errors.NotFound):
        await asyncio.gather(*(store.delete(each.url) for _, each in results))
