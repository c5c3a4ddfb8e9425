"""The file driver: the contract that all drivers keep, and what is its own."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Buffer, Driver, Store
from imagestore.backends.file import FileSettings, driver
from imagestore.backends.file.store import FileStore
from imagestore.backends.testing.contract import MIB, StoreContract, content, cut, new_id, read


def files(*directories: Path) -> set[str]:
    """Every name in the directories, hidden ones too."""
    return {name for directory in directories for name in os.listdir(directory)}


async def started(*directories: Path | str, **options: Any) -> FileStore:
    if len(directories) == 1:
        options["filesystem_store_datadir"] = str(directories[0])
    else:
        options["filesystem_store_datadirs"] = tuple(map(str, directories))
    store = FileStore("files", FileSettings(**options))
    await store.start()
    return store


class LocalService:
    def __init__(self, store: Store, directory: Path, outside: Path) -> None:
        self.store = store
        self.directory = directory
        secret = outside / "secret"
        secret.write_text("not an image")
        (directory.parent / "sibling").mkdir()
        self.invalid_urls = [
            "",
            "file://",
            "file:///",
            "http://example.org/x",
            f"rbd://{directory}/x",
            f"file://{secret}",
            f"file://{directory}",
            f"file://{directory}/",
            f"file://{directory}/.",
            f"file://{directory}/..",
            f"file://{directory}/.hidden",
            f"file://{directory}/../secret",
            f"file://{directory}/%2e%2e/secret",
            f"file://{directory}/..%2fsecret",
            f"file://{directory}/sub/x",
            f"file://{directory}/a\0b",
            f"file://{directory}/a?b",
            f"file://{directory}/a#b",
            f"file://{directory}/a b",
            f"file://{directory}/a\n",
            f"file://{directory}-not/x",
            f"file://{directory.parent}/sibling/x",
            f"file://localhost{directory}/x",
            f"file:{directory}/x",
            f"{directory}/x",
        ]

    def url(self, image_id: str) -> str:
        return f"file://{self.directory}/{image_id}"

    async def objects(self) -> set[str]:
        return files(self.directory)


class TestContract(StoreContract):
    large = 16 * MIB
    huge = 64 * MIB

    @pytest.fixture(params=["direct", "cached", "thick", "named", "impatient"])
    async def service(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[LocalService]:
        directory = tmp_path / "images"
        options: dict[str, dict[str, Any]] = {
            "cached": {"filesystem_store_direct_io": False},
            "thick": {"filesystem_thin_provisioning": False},
            "impatient": {"filesystem_store_timeout": 10.0},
        }
        if request.param == "named":
            forbid_nameless_files(monkeypatch)
        store = await started(directory, **options.get(request.param, {}))
        yield LocalService(store, directory, tmp_path)
        await store.stop()


def forbid_nameless_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behave like a file system without O_TMPFILE (NFS, some FUSE); none such is at hand."""
    system_open = os.open

    def no_tmpfile(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return system_open(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", no_tmpfile)


def test_is_found_as_a_driver() -> None:
    assert isinstance(driver, Driver)
    assert driver.schemes == ("file", "filesystem")
    assert isinstance(driver.create("a", driver.settings()), Store)


class TestLayout:
    """Where Glance's file driver writes and looks."""

    async def test_a_file_named_like_the_image(self, tmp_path: Path) -> None:
        store = await started(tmp_path)
        image_id, data = new_id(), content(100)
        stored = await store.add(image_id, cut(data))
        assert stored.url == f"file://{tmp_path}/{image_id}"
        assert (tmp_path / image_id).read_bytes() == data
        assert dict(stored.metadata) == {}

    @pytest.mark.parametrize("prefix", ["file://", "filesystem://", "FILE://"])
    async def test_reads_what_the_peer_wrote(self, tmp_path: Path, prefix: str) -> None:
        store = await started(tmp_path)
        (tmp_path / "dd3b6a4c").write_bytes(b"peer")
        assert await read(store, f"{prefix}{tmp_path}/dd3b6a4c") == b"peer"

    async def test_a_directory_behind_a_link_and_with_odd_characters(self, tmp_path: Path) -> None:
        real = tmp_path / "real %41 dir#1"
        real.mkdir()
        (tmp_path / "link").symlink_to(real)
        store = await started(tmp_path / "link")
        stored = await store.add("x", cut(b"1"))
        assert stored.url == f"file://{tmp_path}/link/x"
        for url in (stored.url, f"file://{real}/x", f"file://{tmp_path}//link//x"):
            assert await read(store, url) == b"1"

    async def test_metadata_of_the_mount_point(self, tmp_path: Path) -> None:
        metadata = tmp_path / "metadata.json"
        entries = [
            {"id": "one", "mountpoint": str(tmp_path / "imag")},
            {"id": "two", "mountpoint": str(tmp_path / "images"), "share": "10.0.0.1:/x"},
        ]
        metadata.write_text(json.dumps(entries))
        store = await started(tmp_path / "images", filesystem_store_metadata_file=str(metadata))
        assert (await store.add("a", cut(b"1"))).metadata == entries[1]


class TestPermissions:
    @pytest.mark.parametrize("umask, mode", [(0, 0o640), (0o022, 0o640), (0o077, 0o600)])
    async def test_are_for_nobody_else(self, tmp_path: Path, umask: int, mode: int) -> None:
        """Whatever the umask says, which may forbid more."""
        directory, before = tmp_path / "deep" / "images", os.umask(umask)
        try:
            store = await started(directory)
            await store.add("a", cut(b"1"))
        finally:
            os.umask(before)
        assert stat.S_IMODE((directory / "a").stat().st_mode) == mode
        for made in (directory, directory.parent):
            assert stat.S_IMODE(made.stat().st_mode) == 0o750 & ~umask

    async def test_as_configured(self, tmp_path: Path) -> None:
        directory = tmp_path / "images"
        directory.mkdir(mode=0o700)
        store = await started(directory, filesystem_store_file_perm=644)
        await store.add("a", cut(b"1"))
        assert stat.S_IMODE((directory / "a").stat().st_mode) == 0o644
        assert stat.S_IMODE(directory.stat().st_mode) == 0o711
        made = tmp_path / "deep" / "images"  # whoever may read a file may reach it
        await started(made, filesystem_store_file_perm=644)
        assert [stat.S_IMODE(each.stat().st_mode) for each in (made, made.parent)] == [0o751] * 2

    async def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        outside = tmp_path / "secret"
        outside.write_text("secret")
        store = await started(tmp_path / "images")
        (tmp_path / "images" / "a").symlink_to(outside)
        url = f"file://{tmp_path}/images/a"
        for call in (store.size, store.exists, store.delete):
            with pytest.raises(errors.InvalidLocation):
                await call(url)
        with pytest.raises(errors.InvalidLocation):
            await read(store, url)
        with pytest.raises(errors.Exists):
            await store.add("a", cut(b"overwritten"))
        assert outside.read_text() == "secret"

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
    async def test_only_files_are_images(self, tmp_path: Path, make: Any) -> None:
        store = await started(tmp_path)
        make(tmp_path / "a")
        for call in (store.size, store.delete, lambda url: read(store, url)):
            with pytest.raises(errors.InvalidLocation):
                await call(f"file://{tmp_path}/a")

    @pytest.mark.parametrize(
        "image_id", ["", ".", "..", "a/b", "/etc/passwd", "../x", ".a", "a\0b", "a b", "x" * 300]
    )
    async def test_ids_that_are_no_names(self, tmp_path: Path, image_id: str) -> None:
        store = await started(tmp_path / "images")
        with pytest.raises(errors.InvalidLocation):
            await store.add(image_id, cut(b"1"))
        with pytest.raises(errors.InvalidLocation):
            await store.discard(image_id)
        assert files(tmp_path) == {"images"}
        assert files(tmp_path / "images") == set()


class TestHoles:
    @pytest.mark.parametrize("direct", [True, False])
    async def test_zeros_take_no_room(self, tmp_path: Path, direct: bool) -> None:
        store = await started(tmp_path, filesystem_store_direct_io=direct)
        data = (
            content(MIB)
            + bytes(5 * MIB)
            + content(65_536)
            + bytes(MIB - 65_536 + 7)
            + content(9)
            + bytes(2 * MIB)
        )
        stored = await store.add("a", cut(data), len(data))
        assert await read(store, stored.url) == data
        taken = (tmp_path / "a").stat().st_blocks * 512
        assert taken <= 2 * MIB

    async def test_only_zeros(self, tmp_path: Path) -> None:
        store = await started(tmp_path)
        stored = await store.add("a", cut(bytes(32 * MIB)))
        assert stored.size == await store.size(stored.url) == 32 * MIB
        assert (tmp_path / "a").stat().st_blocks == 0

    async def test_unless_switched_off(self, tmp_path: Path) -> None:
        store = await started(tmp_path, filesystem_thin_provisioning=False)
        await store.add("a", cut(bytes(8 * MIB)))
        assert (tmp_path / "a").stat().st_blocks * 512 >= 8 * MIB


class TestDirectories:
    async def test_the_highest_priority_is_written(self, tmp_path: Path) -> None:
        low, high = tmp_path / "low", tmp_path / "high"
        store = await started(f"{low}:1", f"{high}:200", f"{tmp_path}/none")
        stored = await store.add("a", cut(b"1"))
        assert stored.url == f"file://{high}/a"
        (low / "b").write_bytes(b"2")
        assert await read(store, f"file://{low}/b") == b"2"

    async def test_the_next_one_when_there_is_no_room(
        self, tmp_path: Path, small_disk: Path
    ) -> None:
        store = await started(f"{small_disk}:9", f"{tmp_path}/large:1")
        assert (await store.add("a", cut(content(MIB)), MIB)).url == f"file://{small_disk}/a"
        data = content(8 * MIB)
        stored = await store.add("b", cut(data), len(data))
        assert stored.url == f"file://{tmp_path}/large/b"
        (small_disk / "filler").write_bytes(content(3 * MIB))
        assert (await store.add("c", cut(b"1"))).url == f"file://{tmp_path}/large/c"

    async def test_among_equals_the_emptiest(self, tmp_path: Path, small_disk: Path) -> None:
        store = await started(f"{small_disk}:1", f"{tmp_path}/large:1")
        assert (await store.add("a", cut(b"1"))).url == f"file://{tmp_path}/large/a"

    async def test_one_that_does_not_work_is_passed_by(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken"
        store = await started(f"{broken}:9", f"{tmp_path}/other:1")
        broken.rmdir()
        assert (await store.add("a", cut(b"1"))).url == f"file://{tmp_path}/other/a"

    async def test_an_object_in_another_directory_exists(self, tmp_path: Path) -> None:
        store = await started(f"{tmp_path}/one:2", f"{tmp_path}/two:1")
        (tmp_path / "two" / "a").write_bytes(b"1")
        with pytest.raises(errors.Exists):
            await store.add("a", cut(b"2"))
        assert files(tmp_path / "one") == set()

    async def test_one_that_appears_meanwhile_in_another_directory(self, tmp_path: Path) -> None:
        store = await started(f"{tmp_path}/one:2", f"{tmp_path}/two:1")

        async def source() -> AsyncIterator[Buffer]:
            yield content(MIB)
            await asyncio.sleep(0.05)
            (tmp_path / "two" / "a").write_bytes(b"1")

        with pytest.raises(errors.Exists):
            await store.add("a", source())
        assert files(tmp_path / "one") == set()

    async def test_capacity_counts_a_file_system_once(
        self, tmp_path: Path, small_disk: Path
    ) -> None:
        one = await (await started(tmp_path)).capacity()
        store = await started(f"{tmp_path}/one", f"{tmp_path}/two", f"{small_disk}")
        all_ = await store.capacity()
        assert one.total is not None
        assert all_.total == one.total + 4 * MIB

    async def test_discard_looks_everywhere(self, tmp_path: Path) -> None:
        store = await started(f"{tmp_path}/one:2", f"{tmp_path}/two:1")
        (tmp_path / "two" / "a").write_bytes(b"1")
        (tmp_path / "one" / ".a.0123.partial").write_bytes(b"1")
        (tmp_path / "one" / ".b.0123.partial").write_bytes(b"1")
        await store.discard("a")
        assert files(tmp_path / "one", tmp_path / "two") == {".b.0123.partial"}


class TestFull:
    @pytest.mark.parametrize("announced", [True, False])
    @pytest.mark.parametrize("thin", [True, False])
    async def test_no_space_left(self, small_disk: Path, announced: bool, thin: bool) -> None:
        store = await started(small_disk, filesystem_thin_provisioning=thin)
        data = content(6 * MIB)
        with pytest.raises(errors.Full):
            await store.add("a", cut(data), len(data) if announced else None)
        assert files(small_disk) == set()
        assert (await store.capacity()).free == 4 * MIB
        data = content(3 * MIB)
        stored = await store.add("a", cut(data))
        assert await read(store, stored.url) == data

    async def test_what_is_mostly_zeros_still_fits(self, small_disk: Path) -> None:
        store = await started(small_disk)
        data = bytes(16 * MIB) + content(MIB)
        stored = await store.add("a", cut(data), len(data))
        assert await read(store, stored.url) == data

    async def test_starts_on_a_full_disk(self, small_disk: Path) -> None:
        store = await started(small_disk)
        stored = await store.add("a", cut(content(4 * MIB - 4096)))
        await store.stop()
        (small_disk / "filler").write_bytes(b"")
        store = await started(small_disk)
        assert await store.size(stored.url) == 4 * MIB - 4096


class TestReadOnlyDisk:
    async def test_reads_but_does_not_write(self, small_disk: Path) -> None:
        store = await started(small_disk)
        stored = await store.add("a", cut(b"1"))
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(errors.ReadOnly):
            await store.add("b", cut(b"2"))
        with pytest.raises(errors.ReadOnly):
            await store.delete(stored.url)
        assert await read(store, stored.url) == b"1"
        with pytest.raises(errors.Misconfigured, match="filesystem_store_datadir"):
            await started(small_disk)


@pytest.mark.slow
class TestHangingDisk:
    """A file system that answers nobody, as an NFS server that is gone."""

    async def test_calls_end_in_time(self, freezing_disk: Path) -> None:
        directory = freezing_disk / "images"
        store = await started(directory, filesystem_store_timeout=0.5)
        stored = await store.add("a", cut(content(MIB)))
        subprocess.run(["fsfreeze", "--freeze", str(freezing_disk)], check=True)
        begin = asyncio.get_running_loop().time()
        try:
            with pytest.raises(errors.Unavailable, match="did not answer"):
                await store.add("b", cut(content(8 * MIB)))
            with pytest.raises(errors.Unavailable):
                await store.delete(stored.url)
            assert asyncio.get_running_loop().time() - begin < 5
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", str(freezing_disk)], check=True)
        # What hung has gone on: neither of them came to be after all.
        async with asyncio.timeout(10):
            while files(directory):
                await asyncio.sleep(0.05)
        data = content(2 * MIB)
        stored = await store.add("b", cut(data))
        assert await read(store, stored.url) == data


class TestStart:
    async def test_makes_the_directory(self, tmp_path: Path) -> None:
        await started(tmp_path / "not" / "yet")
        assert (tmp_path / "not" / "yet").is_dir()

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({}, "filesystem_store_datadir"),
            (
                {"filesystem_store_datadir": "/a", "filesystem_store_datadirs": ("/b",)},
                "filesystem_store_datadirs",
            ),
            ({"filesystem_store_datadirs": ("/b:high",)}, "filesystem_store_datadirs"),
            ({"filesystem_store_datadirs": (":1",)}, "filesystem_store_datadirs"),
            ({"filesystem_store_datadirs": ("/b:1", "/b:2")}, "filesystem_store_datadirs"),
            ({"filesystem_store_datadir": "/dev/null/x"}, "filesystem_store_datadir"),
            ({"filesystem_store_datadir": "/proc/x"}, "filesystem_store_datadir"),
            (
                {"filesystem_store_datadir": "/tmp", "filesystem_store_file_perm": 44},
                "filesystem_store_file_perm",
            ),
            (
                {"filesystem_store_datadir": "/tmp", "filesystem_store_file_perm": 999},
                "filesystem_store_file_perm",
            ),
            (
                {"filesystem_store_datadir": "/tmp", "filesystem_store_metadata_file": "/none"},
                "filesystem_store_metadata_file",
            ),
        ],
    )
    async def test_names_the_option_that_is_wrong(
        self, options: dict[str, Any], named: str
    ) -> None:
        store = FileStore("files", FileSettings(**options))
        with pytest.raises(errors.Misconfigured, match=named) as caught:
            await store.start()
        assert caught.value.store == "files"
        await store.stop()

    @pytest.mark.parametrize("text", ["{", "3", "[1]", '{"id": "a"}', '{"id": 1, "mountpoint": 2}'])
    async def test_metadata_that_is_none(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "metadata.json"
        file.write_text(text)
        with pytest.raises(errors.Misconfigured, match="filesystem_store_metadata_file"):
            await started(tmp_path / "images", filesystem_store_metadata_file=str(file))

    async def test_before_start_nothing_works(self) -> None:
        store = FileStore("files", FileSettings(filesystem_store_datadir="/tmp"))
        with pytest.raises(errors.Unavailable):
            await store.add("a", cut(b"1"))


async def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    store = await started(tmp_path)
    stored = await store.add("a", cut(content(16 * MIB)))
    with pytest.raises(errors.Unavailable):
        async with store.open(stored.url) as blocks:
            async for _ in blocks:
                os.truncate(tmp_path / "a", 100)


async def test_leaves_no_descriptor_open(tmp_path: Path) -> None:
    store = await started(tmp_path)
    data = content(5 * MIB)

    async def everything() -> None:
        stored = await store.add("a", cut(data))
        await read(store, stored.url)
        async with store.open(stored.url) as blocks:
            async for _ in blocks:
                break
        with pytest.raises(errors.WrongSize):
            await store.add("b", cut(data), 1)
        await store.delete(stored.url)

    await everything()
    await asyncio.sleep(0.1)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        await everything()
    await asyncio.sleep(0.1)
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_stopped_while_it_is_used(tmp_path: Path) -> None:
    store = await started(tmp_path)
    stored = await store.add("a", cut(content(16 * MIB)))

    async def source() -> AsyncIterator[Buffer]:
        yield content(MIB)
        await store.stop()
        await asyncio.sleep(0.05)
        yield content(MIB)

    async with store.open(stored.url) as blocks:
        await anext(blocks)
        with pytest.raises(errors.Unavailable):
            await store.add("b", source())
        with pytest.raises(errors.Unavailable):
            async for _ in blocks:
                pass
    assert files(tmp_path) == {"a"}
