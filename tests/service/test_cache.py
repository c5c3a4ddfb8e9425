"""The node's cache in front of a slow store: one read of it, whoever asks, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.backends.testing.faulty import FaultyStore
from imagestore.cache import growing, locks
from imagestore.config import drivers
from imagestore.config.settings import Cache
from tests.service.conftest import Person, Service, Start
from tests.service.faults import faulty_driver, inner, stores_in

SIZE = 3 << 20


@pytest.fixture
def url(tmp_path: Path) -> str:
    """What is tried here is not the database: the embedded one will do."""
    return f"sqlite:///{tmp_path / 'db.sqlite'}"


@pytest.fixture(autouse=True)
def slow_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "get", faulty_driver)


def cache_in(directory: Path, **options: Any) -> Cache:
    return Cache(directory / "cache", serving=True, management=True, node="http://one", **options)


async def until(holds: Callable[[], Any]) -> None:
    """Wait for it, as long as it takes on a loaded machine."""
    async with asyncio.timeout(60):
        while not (found := holds()) or (hasattr(found, "__await__") and not await found):
            await asyncio.sleep(0.02)


class Reads:
    """Counts what is read from a store, and holds it up until ``go`` is set."""

    def __init__(self, store: FaultyStore) -> None:
        self.bytes = 0
        self.opened = 0
        self.go = asyncio.Event()
        self.go.set()
        self.fail_at: int | None = None
        original = store.open
        reads = self

        @contextlib.asynccontextmanager
        async def counted(url: str, offset: int = 0, length: int | None = None) -> Any:
            reads.opened += 1

            async def blocks(inside: Any) -> Any:
                async for block in inside:
                    for begin in range(0, len(block), 64 << 10):
                        part = memoryview(block)[begin : begin + (64 << 10)]
                        if reads.bytes >= SIZE // 3:
                            await reads.go.wait()
                        reads.bytes += len(part)
                        yield part

            async with original(url, offset, length) as inside:
                yield blocks(inside)

        store.open = counted  # type: ignore[method-assign]


class Cached:
    """A service with a cache, an image in its slow store, and what is read from there."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.directory = service.settings.cache.directory or Path()
        self.reads = Reads(inner(service, "file1"))
        self.cache: Any = service.client.app[keys.catalog].cache._cache
        self.owner = service.person("red")
        self.admin = service.person("ops", "admin,member,reader")

    async def image(self, data: bytes, **draft: Any) -> str:
        image = (await self.owner.create(**draft))["id"]
        assert await self.owner.upload(image, data) == 204
        return str(image)

    async def get(self, image: str, person: Person | None = None, **headers: str) -> bytes:
        path = f"/v2/images/{image}/file"
        answer = await (person or self.owner)("GET", path, headers=headers)
        assert answer.status in (200, 206), await answer.text()
        return await answer.read()

    async def cached(self, image: str) -> None:
        await until((self.directory / image).exists)


@pytest.fixture
def begin(start: Start, tmp_path: Path) -> Callable[..., Awaitable[Cached]]:
    async def begun(**options: Any) -> Cached:
        service = await start(stores=stores_in(tmp_path), cache=cache_in(tmp_path, **options))
        return Cached(service)

    return begun


Begin = Callable[..., Awaitable[Cached]]


async def test_many_readers_read_the_store_once_and_nobody_waits_for_the_end(
    begin: Begin,
) -> None:
    cached = await begin()
    data = os.urandom(SIZE)
    image = await cached.image(data)
    cached.reads.go.clear()
    answers = await asyncio.gather(
        *(cached.owner("GET", f"/v2/images/{image}/file") for _ in range(16))
    )
    for answer in answers:
        assert answer.headers["Content-Length"] == str(SIZE)
        # The store has not given the rest by now.
        assert await answer.content.readexactly(SIZE // 4) == data[: SIZE // 4]
    cached.reads.go.set()
    for answer in answers:
        assert await answer.read() == data[SIZE // 4 :]
    assert (cached.reads.opened, cached.reads.bytes) == (1, SIZE)
    await cached.cached(image)
    assert (cached.directory / image).read_bytes() == data
    assert await cached.get(image) == data
    assert cached.reads.bytes == SIZE


async def test_ranges_come_from_what_is_there(begin: Begin) -> None:
    cached = await begin()
    data = os.urandom(SIZE)
    image = await cached.image(data)
    cached.reads.go.clear()
    whole = asyncio.create_task(cached.get(image))
    await until(lambda: cached.reads.bytes >= SIZE // 3)
    assert await cached.get(image, Range="bytes=1000-65999") == data[1000:66000]
    cached.reads.go.set()
    assert await whole == data
    await cached.cached(image)
    assert await cached.get(image, Range="bytes=-77") == data[-77:]
    assert cached.reads.opened == 1


async def test_a_range_alone_brings_nothing_in(begin: Begin) -> None:
    cached = await begin()
    data = os.urandom(SIZE)
    image = await cached.image(data)
    assert await cached.get(image, Range="bytes=5-9") == data[5:10]
    assert not list((cached.directory / "incomplete").iterdir())


@pytest.mark.parametrize("keep", [True, False])
async def test_a_fill_goes_on_without_its_reader_if_it_is_to(begin: Begin, keep: bool) -> None:
    cached = await begin(keep_filling=keep)
    data = os.urandom(SIZE)
    image = await cached.image(data)
    cached.reads.go.clear()
    answer = await cached.owner("GET", f"/v2/images/{image}/file")
    await answer.content.readexactly(1000)
    answer.close()
    cache = cached.cache
    if not keep:
        await until(lambda: image not in cache)
        cached.reads.go.set()
        assert not (cached.directory / image).exists()
        # What is there is not fetched again.
        before = cached.reads.bytes
        assert before >= SIZE // 3
        assert await cached.get(image) == data
        assert cached.reads.bytes < before + SIZE
    cached.reads.go.set()
    await cached.cached(image)
    assert (cached.directory / image).read_bytes() == data


async def test_the_store_fails_in_the_middle_and_another_copy_goes_on(begin: Begin) -> None:
    cached = await begin()
    data = os.urandom(SIZE)
    image = await cached.image(data)
    path = cached.service.settings.data_dir / "file1" / image
    path.write_bytes(b"\0" + data[1:])
    assert await cached.get(image) == b"\0" + data[1:]
    cache = cached.cache
    await until(lambda: image not in cache)
    assert not (cached.directory / image).exists()
    assert (cached.directory / "invalid" / image).exists()


async def test_what_is_invalid_stays_to_be_looked_at(begin: Begin) -> None:
    """For as long as what is stalled, or until its room or an administrator wants it gone."""
    cached = await begin(max_size=2 * SIZE + 1000, sync_interval=1000.0)
    entries = cached.service.client.app[keys.catalog].cache
    invalid, admin = cached.directory / "invalid", cached.admin
    for name in ("old", "new", "newer"):
        (invalid / name).write_bytes(b"x" * 500)
    os.utime(invalid / "old", (1000, 1000))
    os.utime(invalid / "new", (time.time() - 100,) * 2)

    def left() -> set[str]:
        return {each.name for each in invalid.iterdir()}

    async def is_tidy() -> bool:
        await entries.sync()
        return left() == {"new", "newer"}

    await until(is_tidy)
    # It counts: the cache never has more than it may, and no entry goes before it.
    images = [await cached.image(os.urandom(SIZE)) for _ in range(2)]
    for image in images:
        await cached.get(image)
        await cached.cached(image)
    assert left() == {"new", "newer"}
    (invalid / "newer").write_bytes(b"x" * 501)
    await cached.cache.prune()
    assert left() == {"newer"}
    third = await cached.image(os.urandom(SIZE))
    await cached.get(third)
    await cached.cached(third)
    assert left() == set()
    (invalid / "newest").write_bytes(b"x")
    assert (await admin("POST", "/v2/cache/clean")).status == 200
    assert left() == set()


async def test_a_node_tells_at_once_of_its_own_entries(begin: Begin) -> None:
    cached = await begin(sync_interval=1000.0)
    image = await cached.image(os.urandom(SIZE))

    async def nodes() -> list[str]:
        answer = await cached.admin("GET", f"/v2/cache/nodes/{image}")
        return list(await answer.json())

    assert await nodes() == []
    await cached.get(image)
    await cached.cached(image)
    assert await nodes() == ["http://one"]
    await cached.service.client.app[keys.catalog].cache.sync()
    (cached.directory / image).unlink()
    assert await nodes() == []


async def test_all_checks_are_made_on_a_hit(begin: Begin) -> None:
    cached = await begin()
    data = os.urandom(SIZE)
    image = await cached.image(data, visibility="private")
    assert await cached.get(image) == data
    await cached.cached(image)
    path = f"/v2/images/{image}"
    stranger = cached.service.person("blue")
    assert (await stranger("GET", path + "/file")).status == 404
    assert (await cached.owner("POST", path + "/actions/deactivate")).status == 204
    assert (await cached.owner("GET", path + "/file")).status == 403
    assert (await cached.owner("POST", path + "/actions/reactivate")).status == 204
    assert (await cached.owner("DELETE", path)).status == 204
    assert (await cached.owner("GET", path + "/file")).status == 404
    assert not (cached.directory / image).exists()


async def test_a_full_or_missing_disk_breaks_no_download(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = await begin()
    data = os.urandom(SIZE)
    image = await cached.image(data)
    real, written = os.pwrite, 0

    def full(fd: int, block: Any, offset: int) -> int:
        nonlocal written
        if offset >= SIZE // 2:
            raise OSError(28, "No space left on device")
        written += 1
        return real(fd, block, offset)

    monkeypatch.setattr(os, "pwrite", full)
    assert await cached.get(image) == data
    assert written
    assert not list((cached.directory / "incomplete").iterdir())
    # And while the directory rests, and when it is gone.
    assert await cached.get(image) == data
    os.rename(cached.directory, cached.directory.with_suffix(".gone"))
    cache = cached.cache
    cache._rest_until = 0
    assert await cached.get(image) == data


async def read_by_32(cached: Cached, data: dict[str, bytes]) -> None:
    """Each takes whole images, one after the other; not a byte is wrong or missing."""

    async def reader(number: int) -> None:
        images = list(data)
        for turn in range(4):
            image = images[(number + 3 * turn) % len(images)]
            assert await cached.get(image) == data[image]

    await asyncio.gather(*map(reader, range(32)))


async def test_removal_under_pressure_cuts_nobody_off(begin: Begin) -> None:
    """The same 32, while an administrator removes what they read, also in the middle of a fill."""
    cached = await begin(max_size=4 * SIZE)
    data = {await cached.image(content): content for content in map(os.urandom, [SIZE] * 4)}
    cut = 0

    async def remove() -> None:
        nonlocal cut
        while True:
            for image in data:
                cut += image in cached.cache
                assert (await cached.admin("DELETE", f"/v2/cache/{image}")).status == 204
            await asyncio.sleep(0.01)

    removing = asyncio.create_task(remove())
    await read_by_32(cached, data)
    removing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await removing
    assert cut


async def test_another_process_fills_and_hangs(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows it waits a while, then goes on in the stores; from whatever byte it had."""
    monkeypatch.setattr(growing, "STILL", 0.5)
    cached = await begin()
    data = os.urandom(SIZE)
    image = await cached.image(data)
    partial = cached.directory / "incomplete" / f"{image}.{SIZE}"
    partial.write_bytes(data[: SIZE // 2])
    lock = locks.acquire(cached.directory / "lock", locks.fill_of(image))
    assert lock is not None
    with lock:
        reads = await asyncio.gather(*(cached.get(image) for _ in range(4)))
    assert reads == [data] * 4
    assert 0 < cached.reads.bytes < 4 * SIZE


async def test_only_what_is_worth_it_comes_in(begin: Begin) -> None:
    cached = await begin(min_downloads=2, visibilities=("public",), max_image_size=SIZE)
    private = await cached.image(os.urandom(SIZE), visibility="private")
    public = await cached.image(os.urandom(SIZE))
    large = await cached.image(os.urandom(SIZE + 1))
    for image in (public, large):
        change = {"op": "replace", "path": "/visibility", "value": "public"}
        assert (await cached.admin.patch(image, change)).status == 200
    for image in (private, public, large):
        await cached.get(image)
    assert not (cached.directory / public).exists()
    for image in (private, public, large):
        await cached.get(image)
    await cached.cached(public)
    cache = cached.cache
    await until(lambda: not cache._fills)
    assert not (cached.directory / private).exists()
    assert not (cached.directory / large).exists()


@pytest.mark.parametrize("first", ["whole", "range", "not admitted"])
async def test_a_file_that_glance_has_cached_is_verified_once_and_used(
    begin: Begin, first: str
) -> None:
    """Whoever reads it first, and from however long ago it is."""
    cached = await begin(**({"visibilities": ("public",)} if first == "not admitted" else {}))
    data = os.urandom(SIZE)
    image = await cached.image(data)
    (cached.directory / image).write_bytes(data)
    os.utime(cached.directory / image, (1000, 1000))
    if first == "range":
        assert await cached.get(image, Range="bytes=5-9") == data[5:10]
    else:
        assert await cached.get(image) == data
    await until((cached.directory / "verified" / image).exists)
    await cached.cached(image)
    assert await cached.get(image) == data
    assert cached.reads.bytes == 0


async def test_a_local_store_needs_no_cache(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    service = await start(cache=cache_in(tmp_path))
    alice = service.person("red")
    image = (await alice.create())["id"]
    await alice.upload(image, b"some bytes")
    assert await (await alice("GET", f"/v2/images/{image}/file")).read() == b"some bytes"
    assert not (tmp_path / "cache" / image).exists()
