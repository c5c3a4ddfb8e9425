"""A real disk below the cache that is small, read-only, taken away or emptied while it is used."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.config import drivers
from tests.service.conftest import Start
from tests.service.faults import faulty_driver, stores_in
from tests.service.test_cache import SIZE, Cached, cache_in, until

ROOM = SIZE + SIZE // 2


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'db.sqlite'}"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory with room for one image and a half."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(place)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"mounting needs root: {mounted.stderr}")
    yield place
    while not subprocess.run(["umount", "-l", place], capture_output=True).returncode:
        pass


@pytest.fixture
async def cached(
    start: Start, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Cached:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    service = await start(stores=stores_in(tmp_path), cache=cache_in(disk, sync_interval=0.2))
    return Cached(service)


def remount_read_only(disk: Path) -> None:
    # By force, as the kernel does it with a disk that fails: files are open for writing.
    subprocess.run(["mount", "-o", "remount,ro", disk], check=False, capture_output=True)


def take_away(disk: Path) -> None:
    subprocess.run(["umount", "-l", disk], check=True)


def empty(disk: Path) -> None:
    shutil.rmtree(disk / "cache")


def fill_up(disk: Path) -> None:
    with (disk / "others").open("wb") as file:
        while True:
            try:
                file.write(bytes(1 << 16))
                file.flush()
            except OSError:
                return


FAULTS = [remount_read_only, take_away, empty, fill_up]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_disk_fails_while_images_are_read(
    cached: Cached, disk: Path, fault: Callable[[Path], Any]
) -> None:
    """In the middle of a fill that many follow, of a hit, and before the next one."""
    data = os.urandom(SIZE)
    image = await cached.image(data)
    cached.reads.go.clear()
    path = f"/v2/images/{image}/file"
    answers = await asyncio.gather(*(cached.owner("GET", path) for _ in range(8)))
    for answer in answers:
        assert await answer.content.readexactly(SIZE // 4) == data[: SIZE // 4]
    fault(disk)
    cached.reads.go.set()
    for answer in answers:
        assert await answer.read() == data[SIZE // 4 :]
    for _ in range(3):
        assert await cached.get(image) == data
        cached.cache._rest_until = 0
    # The service goes on in every other way, its own work included.
    assert (await cached.admin("GET", "/v2/cache")).status == 200
    assert (await cached.admin("DELETE", f"/v2/cache/{image}")).status in (204, 404)


async def test_a_disk_that_others_fill_makes_room_by_eviction(cached: Cached, disk: Path) -> None:
    """The limit says there is room, the disk says there is none: entries go, then it is cached."""
    first, second = (os.urandom(SIZE) for _ in range(2))
    images = [await cached.image(first), await cached.image(second)]
    assert await cached.get(images[0]) == first
    await cached.cached(images[0])
    await until(lambda: images[0] not in cached.cache)
    assert await cached.get(images[1]) == second
    await cached.cached(images[1])
    assert not (cached.directory / images[0]).exists()
    assert sum(file.stat().st_size for file in disk.rglob("*") if file.is_file()) <= ROOM


async def test_an_empty_disk_is_used_again(cached: Cached, disk: Path) -> None:
    """After ``rm -rf`` below a running service its directories are made again."""
    data = os.urandom(SIZE)
    image = await cached.image(data)
    empty(disk)
    assert await cached.get(image) == data

    async def in_the_cache() -> bool:
        cached.cache._rest_until = 0
        assert await cached.get(image) == data
        return (cached.directory / image).exists()

    await until(in_the_cache)
