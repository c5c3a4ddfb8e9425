"""What is there: served as it was verified, evicted when its room is wanted, never cut off."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imagestore.cache.cache import Cache
from imagestore.cache.room import Pruned
from tests.cache.conftest import PATIENCE, SIZE, Image, Node, brought_in, image, read, until


async def test_an_entry_is_listed_and_a_hit_counts(node: Node, cache: Cache) -> None:
    wanted = image()
    await brought_in(cache, wanted)
    os.utime(node.whole(wanted), (1000, 1000))
    assert cache.hits[wanted.image_id] == 0
    assert await read(await cache.open(wanted.wanted, None)) == wanted.data
    assert cache.hits[wanted.image_id] == 1
    (entry,) = await cache.entries() or []
    assert (entry.image_id, entry.size, entry.modified) == (wanted.image_id, SIZE, 1000)
    assert entry.accessed > time.time() - 3600
    assert not entry.pinned


async def test_what_was_used_longest_ago_makes_room_but_not_what_is_pinned(node: Node) -> None:
    cache = await node.process(max_size=3 * SIZE)
    oldest, middle, older, more = images = [image() for _ in range(4)]
    await brought_in(cache, *images[:3])
    await cache.pin(oldest.image_id, pinned=True)
    for when, each in enumerate((oldest, older, middle), start=1):
        os.utime(node.whole(each), (when, when))
    await brought_in(cache, more)
    assert node.entries() == {each.image_id for each in (oldest, middle, more)}
    await cache.pin(oldest.image_id, pinned=False)
    await brought_in(cache, older)
    assert node.entries() == {each.image_id for each in (middle, more, older)}
    assert len(node.inside("verified")) == 3


async def test_there_is_no_room_where_all_is_pinned(node: Node) -> None:
    cache = await node.process(max_size=2 * SIZE)
    first, second, third = (image() for _ in range(3))
    await brought_in(cache, first, second)
    for each in (first, second):
        await cache.pin(each.image_id, pinned=True)
    assert await cache.open(third.wanted, third.source) is None
    assert node.entries() == {first.image_id, second.image_id}
    assert not node.inside("incomplete")


async def test_an_image_larger_than_the_cache_goes_past_it(node: Node) -> None:
    cache = await node.process(max_size=SIZE - 1)
    other, wanted = image(1000), image()
    await brought_in(cache, other)
    assert await cache.open(wanted.wanted, wanted.source) is None
    # Nothing is evicted where that would be in vain.
    assert node.entries() == {other.image_id}
    assert not node.inside("incomplete")


async def test_what_is_read_is_not_evicted(node: Node) -> None:
    cache = await node.process(max_size=SIZE)
    first, second = image(), image()
    await brought_in(cache, first)
    reader = await cache.open(first.wanted, None)
    assert reader is not None
    assert await cache.open(second.wanted, second.source) is None
    assert node.entries() == {first.image_id}
    reader.close()
    await brought_in(cache, second)
    assert node.entries() == {second.image_id}


async def test_what_is_dropped_is_read_to_its_end(node: Node, cache: Cache) -> None:
    wanted = image()
    await brought_in(cache, wanted)
    reader = await cache.open(wanted.wanted, None)
    assert await cache.drop(wanted.image_id)
    assert not node.entries()
    assert await read(reader) == wanted.data


async def test_the_room_of_fills_counts_before_they_are_there(node: Node) -> None:
    cache = await node.process(max_size=2 * SIZE)
    first, second, third = images = [image(hold_at=0) for _ in range(3)]
    files = [await cache.open(each.wanted, each.source) for each in images]
    assert [file is None for file in files] == [False, False, True]
    for each in images:
        each.go.set()
    assert await read(files[0]) == first.data
    assert await read(files[1]) == second.data
    await until(lambda: node.entries() == {first.image_id, second.image_id})
    await brought_in(cache, third)


async def test_a_limit_that_was_lowered(node: Node) -> None:
    before = await node.process()
    images = [image() for _ in range(4)]
    await brought_in(before, *images)
    for when, each in enumerate(images, start=1):
        os.utime(node.whole(each), (when, when))
    after = await node.process(max_size=2 * SIZE)
    assert await after.prune() == Pruned(2, 2 * SIZE)
    assert node.entries() == {each.image_id for each in images[2:]}
    assert await after.prune() == Pruned(0, 0)


async def test_what_is_invalid_counts_and_goes_before_any_entry(node: Node) -> None:
    cache = await node.process(max_size=2 * SIZE + 1000)
    images = [image() for _ in range(3)]
    for when, name in enumerate(("old", "new"), start=1):
        (node.directory / "invalid" / name).write_bytes(b"x" * 500)
        os.utime(node.directory / "invalid" / name, (when, when))
    await brought_in(cache, *images[:2])
    assert node.inside("invalid") == {"old", "new"}
    (node.directory / "invalid" / "new").write_bytes(b"x" * 501)
    await cache.prune()
    assert node.inside("invalid") == {"new"}
    assert len(node.entries()) == 2
    await brought_in(cache, images[2])
    assert node.inside("invalid") == set()
    assert len(node.entries()) == 2


async def test_what_is_stalled_or_long_invalid_is_cleaned(node: Node, cache: Cache) -> None:
    stalled, fresh, filled = image(), image(), image(hold_at=SIZE // 2)
    file = await cache.open(filled.wanted, filled.source)
    for each in (stalled, fresh):
        node.partial(each).write_bytes(each.data[:1000])
    for name in ("old", "young"):
        (node.directory / "invalid" / name).write_bytes(b"x")
    for place in (node.partial(stalled), node.partial(filled), node.directory / "invalid" / "old"):
        os.utime(place, (1000, 1000))
    assert await cache.clean(2000, 2000) == 2
    assert node.inside("invalid") == {"young"}
    # What somebody fills stays, however long it has not grown.
    assert node.inside("incomplete") == {node.partial(fresh).name, node.partial(filled).name}
    filled.go.set()
    assert await read(file) == filled.data


async def test_eviction_under_pressure_cuts_nobody_off(node: Node) -> None:
    """4 readers of 6 images in a cache that has room for 2, and never has more."""
    cache = await node.process(max_size=2 * SIZE)
    images = [image() for _ in range(6)]

    async def reader(number: int) -> None:
        turn = number
        while sum(len(each.asked) for each in images) < 3 * len(images):
            turn += 1
            each = images[turn % len(images)]
            await asyncio.sleep(0)  # a reader of what is there already waits for nothing
            file = await cache.open(each.wanted, each.source)
            if file is not None:
                assert await read(file) == each.data
            assert len(node.entries()) + len(node.inside("incomplete")) <= 2

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*map(reader, range(4)))


async def test_removal_under_pressure_cuts_nobody_off(cache: Cache) -> None:
    """An administrator removes what is read, also in the middle of a fill: what comes is right,
    and whoever does not get all of it knows from which byte to go on in the stores."""
    images = [image() for _ in range(3)]
    done, cut = False, 0

    async def remove() -> None:
        while not done:
            for each in images:
                await cache.drop(each.image_id)

    async def reader(number: int) -> None:
        nonlocal cut
        for turn in range(8):
            each = images[(number + turn) % len(images)]
            file = await cache.open(each.wanted, each.source)
            found = b"" if file is None else await read(file)
            assert each.data.startswith(found)
            cut += len(found) < SIZE

    removing = asyncio.create_task(remove())
    await asyncio.gather(*map(reader, range(12)))
    done = True
    await removing
    assert cut


async def test_an_entry_of_another_image_under_the_same_id_is_not_served(
    node: Node, cache: Cache
) -> None:
    wanted, other = image(), os.urandom(SIZE)
    node.whole(wanted).write_bytes(other)
    mark = node.directory / "verified" / wanted.image_id
    mark.write_text("sha512:" + hashlib.sha512(other).hexdigest())
    assert not await cache.has(wanted.wanted)
    assert not node.entries()
    await brought_in(cache, wanted)
    assert node.whole(wanted).read_bytes() == wanted.data


@pytest.mark.parametrize("source", [True, False])
async def test_a_file_that_glance_has_cached_is_verified_once_and_used(
    node: Node, cache: Cache, source: bool
) -> None:
    """From however long ago it is, also by a reader that would bring nothing in."""
    wanted = image()
    node.whole(wanted).write_bytes(wanted.data)
    os.utime(node.whole(wanted), (1000, 1000))
    file = await cache.open(wanted.wanted, wanted.source if source else None)
    assert await read(file) == wanted.data
    await until(node.whole(wanted).exists)
    assert (node.directory / "verified" / wanted.image_id).read_text() == wanted.wanted.mark
    assert await read(await cache.open(wanted.wanted, None)) == wanted.data
    assert wanted.asked == []


async def test_a_file_of_glance_that_is_not_the_image_is_put_aside(
    node: Node, cache: Cache
) -> None:
    wanted = image()
    node.whole(wanted).write_bytes(wanted.data[:-1] + bytes([wanted.data[-1] ^ 1]))
    await read(await cache.open(wanted.wanted, wanted.source))
    await until(lambda: node.inside("invalid") == {wanted.image_id})
    await until(lambda: wanted.image_id not in cache)
    await brought_in(cache, wanted)
    assert node.whole(wanted).read_bytes() == wanted.data


async def test_what_glance_has_queued(node: Node, cache: Cache) -> None:
    assert await cache.left_queued() == []
    queue = node.directory / "queue"
    queue.mkdir()
    images = [image() for _ in range(3)]
    for when, each in zip((3, 1, 2), images, strict=True):
        (queue / each.image_id).touch()
        os.utime(queue / each.image_id, (when, when))
    (queue / "no id!").touch()
    first, second, third = await cache.left_queued()
    assert [first, second, third] == [images[i].image_id for i in (1, 2, 0)]
    await cache.take_over(second)
    await cache.take_over("gone")
    assert await cache.left_queued() == [first, third]


def link(place: Path) -> None:
    place.symlink_to("/etc/hostname")


def pipe(place: Path) -> None:
    os.mkfifo(place)


@pytest.mark.parametrize("make", [link, pipe, Path.mkdir])
async def test_what_is_no_file_is_never_read(
    node: Node, cache: Cache, make: Callable[[Path], None]
) -> None:
    wanted = image()
    make(node.whole(wanted))
    assert await cache.open(wanted.wanted, None) is None
    assert not await cache.entries()


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


async def test_a_reader_holds_its_file_until_it_is_done(node: Node, cache: Cache) -> None:
    wanted = image()
    await brought_in(cache, wanted)
    file = await cache.open(wanted.wanted, None)
    assert file is not None
    assert is_locked(node.whole(wanted))
    file.close()
    file.close()
    assert not is_locked(node.whole(wanted))


def test_the_digest_of_an_image_is_its_mark() -> None:
    assert Image(b"x").wanted.mark == "sha512:" + hashlib.sha512(b"x").hexdigest()
