"""Processes that share a directory: one fills, all see it grow, whoever is left goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagestore.cache import growing, locks
from imagestore.cache.cache import Cache
from tests.cache.conftest import SIZE, Node, brought_in, image, read, until


async def test_two_processes_read_the_store_once(node: Node, cache: Cache) -> None:
    other = await node.process()
    wanted, same = image(hold_at=SIZE // 2), image(hold_at=SIZE // 2)
    same.data, same.image_id = wanted.data, wanted.image_id
    first = await cache.open(wanted.wanted, wanted.source)
    second = await other.open(same.wanted, same.source)
    assert second is not None
    assert SIZE // 4 < await second.ready(SIZE // 4) <= SIZE // 2
    wanted.go.set()
    assert await read(first) == await read(second) == wanted.data
    await until(lambda: wanted.image_id not in cache and wanted.image_id not in other)
    assert (wanted.asked, same.asked) == ([0], [])
    assert await read(await other.open(same.wanted, None)) == wanted.data


async def test_the_one_that_fills_stops_and_another_goes_on(node: Node, cache: Cache) -> None:
    other = await node.process()
    wanted, same = image(hold_at=SIZE // 2), image()
    same.data, same.image_id = wanted.data, wanted.image_id
    first = await cache.open(wanted.wanted, wanted.source)
    second = await other.open(same.wanted, same.source)
    await until(lambda: node.partial(wanted).stat().st_size == SIZE // 2)
    await cache.stop()
    assert await read(second) == wanted.data
    assert same.asked == [SIZE // 2]
    assert len(await read(first)) <= SIZE // 2
    await until(node.whole(wanted).exists)


async def test_who_only_watches_does_not_go_on(node: Node, cache: Cache) -> None:
    other = await node.process()
    wanted = image(hold_at=SIZE // 2)
    first = await cache.open(wanted.wanted, wanted.source)
    watching = await other.open(wanted.wanted, None)
    await until(lambda: node.partial(wanted).stat().st_size == SIZE // 2)
    await cache.stop()
    assert len(await read(watching)) <= SIZE // 2
    assert len(await read(first)) <= SIZE // 2
    assert wanted.asked == [0]


async def test_another_process_fills_and_dies(node: Node, cache: Cache) -> None:
    """The lock and the file of a fill are another's; then the lock is free, the file as it was."""
    wanted = image()
    node.partial(wanted).write_bytes(wanted.data[: SIZE // 2])
    lock = locks.acquire(node.directory / "lock", locks.fill_of(wanted.image_id))
    assert lock is not None
    file = await cache.open(wanted.wanted, wanted.source)
    assert file is not None
    assert await file.ready(SIZE // 2 - 1) == SIZE // 2
    with node.partial(wanted).open("ab") as growing_file:
        growing_file.write(wanted.data[SIZE // 2 : SIZE // 2 + 1000])
    assert await file.ready(SIZE // 2) == SIZE // 2 + 1000
    assert wanted.asked == []
    lock.release()
    assert await read(file) == wanted.data
    assert wanted.asked == [SIZE // 2 + 1000]
    await until(node.whole(wanted).exists)


async def test_another_process_has_begun_but_made_no_file_yet(node: Node, cache: Cache) -> None:
    wanted = image()
    lock = locks.acquire(node.directory / "lock", locks.fill_of(wanted.image_id))
    assert lock is not None
    assert await cache.open(wanted.wanted, None) is None
    opening = asyncio.create_task(cache.open(wanted.wanted, wanted.source))
    await until(lambda: cache._beginning)
    lock.release()
    assert await read(await opening) == wanted.data


async def test_another_process_fills_and_hangs(
    node: Node, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows it waits a while, then is told to go on in the stores."""
    monkeypatch.setattr(growing, "STILL", 0.3)
    wanted = image()
    node.partial(wanted).write_bytes(wanted.data[: SIZE // 2])
    lock = locks.acquire(node.directory / "lock", locks.fill_of(wanted.image_id))
    assert lock is not None
    with lock:
        files = [await cache.open(wanted.wanted, wanted.source) for _ in range(4)]
        reads = await asyncio.gather(*map(read, files))
    assert reads == [wanted.data[: SIZE // 2]] * 4
    assert wanted.asked == []


async def test_what_was_left_before_the_machine_started_is_not_believed(
    node: Node, cache: Cache
) -> None:
    wanted = image()
    node.partial(wanted).write_bytes(bytes(SIZE // 2))
    os.utime(node.partial(wanted), (1000, 1000))
    await brought_in(cache, wanted)
    assert wanted.asked == [0]
    assert node.whole(wanted).read_bytes() == wanted.data


async def test_whole_but_not_verified_when_its_process_died(node: Node, cache: Cache) -> None:
    wanted = image()
    node.partial(wanted).write_bytes(wanted.data)
    assert await read(await cache.open(wanted.wanted, None)) == wanted.data
    await until(node.whole(wanted).exists)
    assert wanted.asked == []


async def test_one_looks_after_the_directory(node: Node, cache: Cache) -> None:
    other = await node.process()
    keeper = await cache.keeper()
    assert keeper is not None
    assert await other.keeper() is None
    keeper.release()
    keeper.release()
    assert await other.keeper() is not None


class TestLocks:
    def test_tasks_of_one_process_exclude_each_other(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        first = locks.acquire(path, 5)
        assert first is not None
        with first:
            assert locks.acquire(path, 5) is None
            other = locks.acquire(path, 6)
            assert other is not None
            other.release()
            # What another one let go of did not take this one along.
            assert locks.acquire(path, 5) is None
        again = locks.acquire(path, 5)
        assert again is not None
        again.release()

    def test_each_image_has_a_byte_of_its_own(self) -> None:
        found = {locks.fill_of(str(uuid.uuid4())) for _ in range(1000)}
        assert len(found) == 1000
        assert not found & {locks.ROOM, locks.KEEPER}
        assert max(found) < 1 << 63

    @pytest.fixture
    def holder(self, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A process that holds a lock."""
        program = (
            "import sys, pathlib; from imagestore.cache import locks;"
            "held = locks.acquire(pathlib.Path(sys.argv[1]), 5);"
            "print(held is not None, flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", program, str(tmp_path / "lock")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"True\n"
            yield process
            process.kill()

    def test_the_kernel_lets_go_when_a_process_dies(
        self, tmp_path: Path, holder: subprocess.Popen[bytes]
    ) -> None:
        assert locks.acquire(tmp_path / "lock", 5) is None
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        lock = locks.acquire(tmp_path / "lock", 5, wait=True)
        assert lock is not None
        lock.release()
