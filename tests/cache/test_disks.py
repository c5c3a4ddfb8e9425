"""A disk below the cache that fails: the answer is nothing, soon, and a fill leaves nothing."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from imagestore.cache import cache as module
from imagestore.cache.cache import Cache
from imagestore.cache.directory import Directory
from tests.cache.conftest import SIZE, Node, brought_in, image, read, until


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that failed is asked again at once."""
    monkeypatch.setattr(module, "_PAUSE", 0.0)


def full(*_: Any) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_disk_that_is_full_in_the_middle(
    node: Node, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, real = image(), os.pwrite

    def write(fd: int, block: bytes, offset: int) -> int:
        return real(fd, block, offset) if offset < SIZE // 2 else full()

    monkeypatch.setattr(os, "pwrite", write)
    found = await read(await cache.open(wanted.wanted, wanted.source))
    assert found
    assert wanted.data.startswith(found)
    await until(lambda: wanted.image_id not in cache)
    assert not node.inside("incomplete")
    monkeypatch.undo()
    await brought_in(cache, wanted)


async def test_a_disk_that_others_fill_makes_room_by_eviction(
    node: Node, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit says there is room, the disk says there is none: what can go goes, one by one."""
    first, second, wanted = images = [image() for _ in range(3)]
    await brought_in(cache, first, second)
    os.utime(node.whole(first), (1, 1))
    (node.directory / "invalid" / "one").write_bytes(b"x")
    allocate = Directory.allocate

    def with_room_for_two(self: Directory, fd: int, size: int) -> None:
        if len(node.entries()) > 1 or node.inside("invalid"):
            full()
        allocate(self, fd, size)

    monkeypatch.setattr(Directory, "allocate", with_room_for_two)
    await brought_in(cache, wanted)
    assert node.entries() == {second.image_id, wanted.image_id}
    assert not node.inside("invalid")
    monkeypatch.setattr(Directory, "allocate", full)
    more = image()
    assert await cache.open(more.wanted, more.source) is None
    assert not node.inside("incomplete")
    assert len(images) == 3


async def test_a_disk_that_fails_rests(
    node: Node, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE", 3600.0)
    wanted = image()
    await brought_in(cache, wanted)
    with monkeypatch.context() as patch:
        patch.setattr(Directory, "open_whole", full)
        assert await cache.open(wanted.wanted, None) is None
    asked: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Directory, "open_whole", lambda *_: asked.append("open"))
        assert await cache.open(wanted.wanted, wanted.source) is None
    assert asked == []
    assert wanted.asked == [0]


async def test_a_disk_that_hangs(node: Node, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it for long; a file that it opens after all is closed again."""
    wanted = image()
    await brought_in(cache, wanted)
    go, real, late = threading.Event(), Directory.open_whole, list[int | None]()

    def hanging(self: Directory, *args: Any) -> int | None:
        go.wait(60)
        late.append(real(self, *args))
        return late[-1]

    with monkeypatch.context() as patch:
        patch.setattr(module, "_PATIENCE", 0.1)
        patch.setattr(Directory, "open_whole", hanging)
        assert await cache.open(wanted.wanted, None) is None
    go.set()
    await until(lambda: late and late[0] is not None and not is_open(late[0], node.whole(wanted)))
    assert await read(await cache.open(wanted.wanted, None)) == wanted.data


def is_open(fd: int, path: Path) -> bool:
    try:
        return Path(f"/proc/self/fd/{fd}").readlink() == path
    except OSError:
        return False


async def test_an_empty_disk_is_used_again(node: Node, cache: Cache) -> None:
    """After ``rm -rf`` below a running service its directories are made again."""
    first, second = image(), image()
    await brought_in(cache, first)
    shutil.rmtree(node.directory)
    assert await cache.open(first.wanted, first.source) is None
    await brought_in(cache, first, second)
    assert node.entries() == {first.image_id, second.image_id}


async def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """It is no reason not to start; when it can be made it is used."""
    (tmp_path / "cache").write_text("a file is in the way")
    node, wanted = Node(tmp_path / "cache"), image()
    cache = await node.process()
    assert await cache.open(wanted.wanted, wanted.source) is None
    assert await cache.entries() is None
    assert await cache.left_queued() == []
    assert await cache.keeper() is None
    node.directory.unlink()
    await brought_in(cache, wanted)
    await cache.stop()


async def test_another_disk_in_its_place_is_not_filled(
    node: Node, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache's own is not mounted any more, and what is below is not for it."""
    wanted = image()
    shutil.rmtree(node.directory)
    monkeypatch.setattr(cache.directory, "_device", -1)
    for _ in range(2):
        assert await cache.open(wanted.wanted, wanted.source) is None
    assert not node.directory.exists()


async def test_nothing_is_left_open(node: Node, cache: Cache) -> None:
    for size in (0, 1, SIZE):
        wanted = image(size)
        await brought_in(cache, wanted)
        assert await read(await cache.open(wanted.wanted, None)) == wanted.data
        await cache.drop(wanted.image_id)
    broken = image()
    right, broken.data = broken.wanted, broken.data[:-1]
    assert not await cache.fill(right, broken.source, lambda have: None)
    await until(lambda: broken.image_id not in cache)
    assert node.open_files() == []
