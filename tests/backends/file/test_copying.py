"""Copies that the kernel makes of files."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Store
from imagestore.backends.file.store import FileStore
from imagestore.backends.testing.contract import (
    MIB,
    CopyContract,
    Pair,
    content,
    copier,
    cut,
    new_id,
    read,
)
from imagestore.config.settings import StoreSection
from imagestore.stores.stack import stacked

from .conftest import _run, mounted
from .test_store import LocalService, files, forbid_nameless_files, started


async def _pair(directory: Path, **options: Any) -> tuple[LocalService, LocalService]:
    services = []
    for name in ("from", "to"):
        (directory / f"{name}-outside").mkdir(parents=True)
        place = directory / f"{name}-store" / "images"
        place.parent.mkdir()
        store: Store = await started(place, **options)
        services.append(LocalService(store, place, directory / f"{name}-outside"))
    return services[0], services[1]


class TestContract(CopyContract):
    @pytest.fixture(params=["thin", "thick", "named", "wrapped"])
    async def pair(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Pair]:
        if request.param == "named":
            forbid_nameless_files(monkeypatch)
        origin, target = await _pair(
            tmp_path, filesystem_thin_provisioning=request.param != "thick"
        )
        if request.param == "wrapped":
            target.store = stacked(target.store, StoreSection("files", "file")).store
        yield origin, target
        await origin.store.stop()
        await target.store.stop()


@pytest.fixture
def sharing_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system whose files can share blocks."""
    device = tmp_path / "xfs.image"
    with device.open("wb") as file:
        file.truncate(512 << 20)
    _run("mkfs.xfs", "-q", "-m", "reflink=1", str(device))
    with mounted(tmp_path / "xfs", "-o", "loop", str(device)) as path:
        yield path


async def test_holes_stay_holes(tmp_path: Path) -> None:
    origin, target = await _pair(tmp_path, filesystem_thin_provisioning=True)
    data = content(MIB) + bytes(32 * MIB) + content(MIB) + bytes(16 * MIB)
    stored = await origin.store.add(new_id(), cut(data), len(data))
    made = await copier(target.store).copy("copy", origin.store, stored.url, len(data))
    assert await read(target.store, made.url) == data
    path = target.store.local_path(made.url)
    assert path is not None
    assert path.stat().st_blocks * 512 < 4 * MIB
    await origin.store.stop()
    await target.store.stop()


async def test_blocks_are_shared_where_that_can_be(sharing_disk: Path) -> None:
    origin, target = await _pair(sharing_disk)
    data = content(64 * MIB)
    stored = await origin.store.add(new_id(), cut(data), len(data))
    before = os.statvfs(sharing_disk)
    made = await copier(target.store).copy("copy", origin.store, stored.url, len(data))
    after = os.statvfs(sharing_disk)
    assert (before.f_bfree - after.f_bfree) * after.f_frsize < 8 * MIB
    assert await read(target.store, made.url) == data
    await origin.store.stop()
    await target.store.stop()


async def test_another_file_system(tmp_path: Path, small_disk: Path) -> None:
    origin = await started(tmp_path / "from")
    target = await started(small_disk / "to")
    stored = await origin.add("image", cut(b"data"))
    with pytest.raises(errors.CannotCopy):
        await target.copy("image", origin, stored.url, 4)
    assert files(small_disk / "to") == set()
    await origin.stop()
    await target.stop()


async def test_a_full_disk(small_disk: Path) -> None:
    origin = await started(small_disk / "from")
    target = await started(small_disk / "to")
    stored = await origin.add("image", cut(content(3 * MIB)))
    before = os.statvfs(small_disk).f_bfree
    with pytest.raises(errors.Full):
        await target.copy("image", origin, stored.url, 3 * MIB)
    assert files(small_disk / "to") == set()
    assert os.statvfs(small_disk).f_bfree == before
    await origin.stop()
    await target.stop()


async def test_a_kernel_that_copies_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "no")

    origin: FileStore = await started(tmp_path / "from")
    target = await started(tmp_path / "to")
    stored = await origin.add("image", cut(b"data"))
    monkeypatch.setattr(os, "copy_file_range", refuse)
    with pytest.raises(errors.CannotCopy):
        await target.copy("image", origin, stored.url, 4)
    assert files(tmp_path / "to") == set()
    await origin.stop()
    await target.stop()
