"""How an object comes into a directory: alignment, names, and file systems that lack something."""

from __future__ import annotations

import errno
import mmap
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Buffer
from imagestore.backends.blocks import BlockPool
from imagestore.backends.file.datadirs import DataDir, DataDirs
from imagestore.backends.file.writer import Writer
from imagestore.backends.testing.contract import content

from .test_store import files, forbid_nameless_files

MakeWriter = Callable[..., Writer]


@pytest.fixture
def writer(tmp_path: Path) -> MakeWriter:
    dirs = DataDirs("files", "filesystem_store_datadir", [DataDir(tmp_path)])

    def make(*, name: str = "a", direct: bool = True, thin: bool = True) -> Writer:
        return Writer(
            "files",
            dirs,
            lambda: dirs.dirs,
            name,
            BlockPool(),
            thin=thin,
            direct=direct,
            permissions=None,
        )

    return make


def aligned(data: bytes) -> memoryview:
    memory = mmap.mmap(-1, -(-len(data) // mmap.PAGESIZE) * mmap.PAGESIZE)
    memory[: len(data)] = data
    return memoryview(memory)[: len(data)].toreadonly()


def unaligned(data: bytes) -> memoryview:
    memory = mmap.mmap(-1, len(data) + mmap.PAGESIZE)
    memory[1 : 1 + len(data)] = data
    return memoryview(memory)[1 : 1 + len(data)].toreadonly()


def in_cache(path: Path) -> bool:
    """Whether the first page of the file is in the page cache."""
    flags = os.RWF_NOWAIT
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(fd, [bytearray(1)], 0, flags) == 1
    except BlockingIOError:
        return False
    finally:
        os.close(fd)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_blocks_of_every_shape(writer: MakeWriter, tmp_path: Path, direct: bool, seed: int) -> None:
    chance = random.Random(seed)
    whole = b""
    under_test = writer(direct=direct)
    for _ in range(6):
        batch: list[Buffer] = []
        for _ in range(chance.randint(1, 4)):
            size = chance.choice([1, 511, 4096, 65_536, 65_537, BLOCK_SIZE, BLOCK_SIZE])
            data = bytes(size) if chance.random() < 0.2 else content(size, chance.random())
            batch.append(chance.choice([aligned, unaligned, bytes, bytearray])(data))
            whole += data
        under_test.write(batch)
    assert under_test.commit(len(whole)) == f"file://{tmp_path}/a"
    assert (tmp_path / "a").read_bytes() == whole


@pytest.mark.parametrize("shape", [aligned, unaligned])
def test_whole_blocks_go_past_the_page_cache(
    writer: MakeWriter, tmp_path: Path, shape: Callable[[bytes], memoryview]
) -> None:
    data = content(4 * BLOCK_SIZE)
    under_test = writer(thin=False)
    for start in range(0, len(data), BLOCK_SIZE):
        under_test.write([shape(data[start : start + BLOCK_SIZE])])
    under_test.commit(len(data))
    # The first batch of unaligned memory is what shows that it is.
    assert in_cache(tmp_path / "a") is (shape is unaligned)
    assert (tmp_path / "a").read_bytes() == data


def test_a_file_system_without_direct_io(
    writer: MakeWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    system_fcntl = fcntl.fcntl

    def refuse(fd: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETFL and argument & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return system_fcntl(fd, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    data = content(20 * BLOCK_SIZE)
    under_test = writer()
    for start in range(0, len(data), BLOCK_SIZE):
        under_test.write([aligned(data[start : start + BLOCK_SIZE])])
    under_test.commit(len(data))
    assert (tmp_path / "a").read_bytes() == data


def test_a_device_that_refuses_direct_writes(
    writer: MakeWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    system_pwritev = os.pwritev

    def refuse(fd: int, views: Any, offset: int) -> int:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return system_pwritev(fd, views, offset)

    monkeypatch.setattr(os, "pwritev", refuse)
    data = content(6 * BLOCK_SIZE)
    under_test = writer()
    for start in range(0, len(data), BLOCK_SIZE):
        under_test.write([aligned(data[start : start + BLOCK_SIZE])])
    under_test.commit(len(data))
    assert (tmp_path / "a").read_bytes() == data


@pytest.mark.parametrize("at_once", [1, 4096, 100_000])
def test_a_device_that_writes_in_small_pieces(
    writer: MakeWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    system_pwritev = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda fd, views, offset: system_pwritev(fd, [views[0][:at_once]], offset)
    )
    data = content(8192 if at_once == 1 else 2 * BLOCK_SIZE)
    under_test = writer()
    under_test.write([aligned(data[: len(data) // 2]), aligned(data[len(data) // 2 :])])
    under_test.commit(len(data))
    assert (tmp_path / "a").read_bytes() == data


class TestNames:
    def test_no_name_before_the_end(self, writer: MakeWriter, tmp_path: Path) -> None:
        under_test = writer()
        under_test.write([content(BLOCK_SIZE)])
        assert files(tmp_path) == set()
        under_test.abort()
        assert files(tmp_path) == set()

    @pytest.mark.parametrize("links", [True, False], ids=["link", "rename"])
    def test_where_nameless_files_cannot_be_made(
        self,
        writer: MakeWriter,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        links: bool,
    ) -> None:
        forbid_nameless_files(monkeypatch)
        if not links:
            monkeypatch.setattr(os, "link", _no_links)
        first, second, third = writer(), writer(), writer(name="b")
        for each in (first, second, third):
            each.write([b"1"])
        assert all(name.startswith(".") for name in files(tmp_path))
        first.commit(1)
        with pytest.raises(errors.Exists):
            second.commit(1)
        second.abort()
        third.abort()
        assert files(tmp_path) == {"a"}

    @pytest.mark.parametrize("named", [True, False])
    def test_abort_after_commit(
        self,
        writer: MakeWriter,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        named: bool,
    ) -> None:
        if named:
            forbid_nameless_files(monkeypatch)
        under_test = writer()
        under_test.write([b"1"])
        under_test.commit(1)
        under_test.abort()
        assert files(tmp_path) == set()

    def test_abort_does_not_touch_the_object_of_another(
        self, writer: MakeWriter, tmp_path: Path
    ) -> None:
        loser = writer()
        loser.write([b"1"])
        (tmp_path / "a").write_bytes(b"2")
        with pytest.raises(errors.Exists):
            loser.commit(1)
        loser.abort()
        assert (tmp_path / "a").read_bytes() == b"2"

    def test_abort_before_anything(self, writer: MakeWriter, tmp_path: Path) -> None:
        under_test = writer()
        under_test.abort()
        with pytest.raises(errors.Unavailable):
            under_test.write([b"late"])
        assert files(tmp_path) == set()

    def test_a_commit_that_fails_at_the_last_step(
        self, writer: MakeWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        under_test = writer()
        under_test.write([b"1"])
        calls = 0

        def fail_on_directory(fd: int) -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail_on_directory)
        with pytest.raises(errors.Unavailable):
            under_test.commit(1)
        under_test.abort()
        assert files(tmp_path) == set()


def _no_links(*args: Any, **kwargs: Any) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")
