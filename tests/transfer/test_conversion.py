"""Images made anew by the real qemu-img: what comes out, what is refused, what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from imagestore.config.settings import Images
from imagestore.model.errors import OverLimit, Unavailable, Unsupported
from imagestore.transfer.conversion import Conversion
from imagestore.transfer.qemu_img import QemuImg
from imagestore.transfer.workspace import Workspace
from tests.backends.file.conftest import small_disk
from tests.images import GRUB_ISO, package_file

from . import samples

pytestmark = pytest.mark.slow

__all__ = ["small_disk"]

DISK = os.urandom(700_000) + bytes(2 << 20) + b"the end".ljust(512, b".")
DISK += bytes(-len(DISK) % (1 << 20))
GIB = 1 << 30
CALLS = """#!/bin/sh
echo "$*" >> {log}
{before}
exec {real} "$@"
"""


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands before qemu-img, writes down how it is called, and may do something ``before``."""
    real = subprocess.run(["which", "qemu-img"], capture_output=True, text=True).stdout.strip()
    assert real, "qemu-img is missing; make test installs its package"
    directory, log = tmp_path / "bin", tmp_path / "calls"
    directory.mkdir()
    log.touch()

    def install(before: str = "") -> Path:
        program = directory / "qemu-img"
        program.write_text(CALLS.format(log=log, before=before, real=real))
        program.chmod(0o755)
        return log

    install()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return install


def conversion(
    directory: Path, target: str = "raw", *, turns: int = 1, **limits: float
) -> Conversion:
    qemu_img = QemuImg(timeout=limits.get("timeout", 120.0), memory=int(limits.get("memory", GIB)))
    return Conversion(target, qemu_img, Workspace(directory, turns), Images())


async def blocks_of(data: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), 300_000):
        yield data[start : start + 300_000]


async def made(
    conversion: Conversion, data: bytes, disk_format: str, most: int = GIB
) -> tuple[int, bytes]:
    """Size as told beforehand, and bytes, of what is made of ``data``."""
    async with conversion.converted(
        blocks_of(data), disk_format, most=most, on_progress=lambda _: None
    ) as (size, blocks):
        return size, b"".join([bytes(block) async for block in blocks])


def image(directory: Path, qemu_format: str, *options: str, data: bytes = DISK) -> bytes:
    """``data`` as an image, made by qemu-img."""
    source, target = directory / "disk", directory / "image"
    source.write_bytes(data)
    command = ["qemu-img", "convert", "-f", "raw", "-O", qemu_format, *options]
    subprocess.run([*command, source, target], check=True, capture_output=True)
    return target.read_bytes()


def left(directory: Path) -> set[str]:
    """Files of this process below the directory that are still open or there."""
    files = {path.name for path in directory.iterdir() if not path.name.startswith(".turn")}
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if str(descriptor.readlink()).startswith(str(directory)):
                files.add(str(descriptor.readlink()))
    return files


CONVERTED = [
    ("qcow2", "qcow2", ()),
    ("qcow2", "qcow2", ("-c",)),
    ("qcow2", "qcow2", ("-o", "compat=0.10")),
    ("qcow2", "qcow2", ("-o", "preallocation=metadata")),
    ("vmdk", "vmdk", ("-o", "subformat=streamOptimized")),
    ("vmdk", "vmdk", ("-o", "subformat=monolithicSparse")),
    ("vdi", "vdi", ()),
    ("vdi", "vdi", ("-o", "static=on")),
    ("vhd", "vpc", ("-o", "force_size=on")),
    ("vhdx", "vhdx", ()),
    ("vhdx", "vhdx", ("-o", "subformat=fixed")),
]


@pytest.mark.parametrize("disk_format, qemu_format, options", CONVERTED)
async def test_to_raw(
    tmp_path: Path, disk_format: str, qemu_format: str, options: tuple[str, ...]
) -> None:
    data = image(tmp_path, qemu_format, *options)
    size, result = await made(conversion(tmp_path / "work"), data, disk_format)
    assert size == len(result)
    # Some formats count in larger units than a disk may have.
    assert hashlib.sha256(result[: len(DISK)]).digest() == hashlib.sha256(DISK).digest()
    assert not result[len(DISK) :].strip(b"\0")
    assert left(tmp_path / "work") == set()


@pytest.mark.parametrize("disk_format, qemu_format, options", CONVERTED)
async def test_an_image_cut_short(
    tmp_path: Path, disk_format: str, qemu_format: str, options: tuple[str, ...]
) -> None:
    """What is missing would be zeros. Each cut is refused, or takes nothing of the disk."""
    disk = os.urandom(16 << 20)
    data = image(tmp_path, qemu_format, *options, data=disk)
    refused = 0
    cuts = (1, 513, 70_000, 1_100_000, len(data) // 2, len(data) - 70_000)
    for cut in cuts:
        try:
            _, result = await made(conversion(tmp_path / "work"), data[:-cut], disk_format)
        except Unsupported:
            refused += 1
        else:
            assert result[: len(disk)] == disk, cut
    assert refused >= 3
    assert left(tmp_path / "work") == set()


async def test_a_whole_image_that_ends_within_a_cluster(tmp_path: Path) -> None:
    """As those that qemu-img made compressed, in some of its releases."""
    data = image(tmp_path, "qcow2", "-c", data=b"imagestore" * 100_000)
    packed = data.rstrip(b"\0")
    packed += bytes(-len(packed) % 512)
    assert len(packed) % (64 << 10)
    _, result = await made(conversion(tmp_path / "work"), packed, "qcow2")
    assert result == (b"imagestore" * 100_000).ljust(len(result), b"\0")


async def test_a_damaged_table(tmp_path: Path) -> None:
    """A reference to somewhere behind the end, which qemu-img would read as zeros."""
    data = bytearray(image(tmp_path, "qcow2"))
    table = int.from_bytes(data[40:48], "big")  # of the first level
    second = int.from_bytes(data[table + 1 : table + 8], "big")
    data[second : second + 8] = (1 << 63 | 1 << 40).to_bytes(8, "big")
    with pytest.raises(Unsupported, match="damaged"):
        await made(conversion(tmp_path / "work"), bytes(data), "qcow2")


async def test_space_that_is_lost_is_no_damage(tmp_path: Path) -> None:
    data = bytearray(image(tmp_path, "qcow2"))
    table = int.from_bytes(data[40:48], "big")
    second = int.from_bytes(data[table + 1 : table + 8], "big")
    data[second : second + 8] = bytes(8)
    (tmp_path / "leaks").write_bytes(data)
    assert subprocess.run(["qemu-img", "check", tmp_path / "leaks"], check=False).returncode == 3
    _, result = await made(conversion(tmp_path / "work"), bytes(data), "qcow2")
    assert result == bytes(64 << 10) + DISK[64 << 10 :]


@pytest.mark.parametrize("target", ["qcow2", "vmdk"])
async def test_from_raw_and_back(tmp_path: Path, target: str) -> None:
    size, packed = await made(conversion(tmp_path / "work", target), DISK, "raw")
    assert size == len(packed) < len(DISK)
    assert await made(conversion(tmp_path / "work"), packed, target) == (len(DISK), DISK)


def test_what_is_left_as_it_is(tmp_path: Path) -> None:
    to_qcow2 = conversion(tmp_path, "qcow2")
    assert [name for name in ("raw", "iso", "qcow2", "vdi") if to_qcow2.is_needed(name)] == [
        "raw",
        "vdi",
    ]


@pytest.mark.parametrize(
    "sample, disk_format",
    [
        ("qcow2-backing", "qcow2"),
        ("qcow2-data-file", "qcow2"),
        ("vmdk-flat", "vmdk"),
        ("vmdk-2gb", "vmdk"),
        ("vmdk-descriptor", "vmdk"),
        ("qcow", "qcow2"),
        ("qed", "raw"),
        ("qcow2-v3", "raw"),
        ("qcow2-v3", "vmdk"),
        ("random", "qcow2"),
        ("iso-grub", "raw"),
        ("iso-grub", "qcow2"),
        ("qcow2-and-iso", "qcow2"),
        ("mbr-no-partition", "raw"),
        ("luks", "raw"),
        ("zeros", "ploop"),
        ("zeros", "ami"),
    ],
)
async def test_qemu_img_sees_none_of_it(
    tmp_path: Path, shim: Any, sample: str, disk_format: str
) -> None:
    data = samples.make(tmp_path, sample).read_bytes()
    calls = shim()
    calls.write_text("")  # the sample was made by qemu-img, too
    with pytest.raises(Unsupported):
        await made(conversion(tmp_path / "work", "vmdk"), data, disk_format)
    assert calls.read_text() == ""
    assert not (tmp_path / "work").exists() or left(tmp_path / "work") == set()


async def test_a_parent_that_no_inspector_knows(tmp_path: Path, shim: Any) -> None:
    """A VMDK may name its parent in a text; qemu-img would open it."""
    secret = tmp_path / "secret.vmdk"
    create = ["qemu-img", "create", "-q", "-f", "vmdk"]
    subprocess.run([*create, secret, "1M"], check=True)
    child = tmp_path / "child"
    subprocess.run([*create, "-b", secret, "-F", "vmdk", child, "1M"], check=True)
    calls = shim()
    calls.write_text("")
    with pytest.raises(Unsupported, match="refers to other files"):
        await made(conversion(tmp_path / "work"), child.read_bytes(), "vmdk")
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["info"]


async def test_encrypted(tmp_path: Path) -> None:
    # Without a key that takes measuring the processor, which fails beside other work.
    options = ("--object", "secret,id=s,data=pw", "-o", "encrypt.format=aes,encrypt.key-secret=s")
    data = image(tmp_path, "qcow2", *options)
    with pytest.raises(Unsupported):
        await made(conversion(tmp_path / "work"), data, "qcow2")


@pytest.mark.parametrize("inner", ["qcow2-v3", "iso-grub"])
async def test_one_format_hidden_in_another(tmp_path: Path, inner: str) -> None:
    """The result is inspected as well: as raw this would be taken for what it holds."""
    hidden = samples.make(tmp_path, inner).read_bytes()
    data = image(tmp_path, "qcow2", data=hidden)
    with pytest.raises(Unsupported, match="does not match"):
        await made(conversion(tmp_path / "work"), data, "qcow2")
    assert left(tmp_path / "work") == set()


async def test_bombs(tmp_path: Path, shim: Any) -> None:
    calls = shim()
    work = tmp_path / "work"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "huge", "100T"], check=True
    )
    with pytest.raises(OverLimit, match="As raw the image would have"):
        await made(conversion(work), (tmp_path / "huge").read_bytes(), "qcow2", most=10 << 20)
    assert "convert -q" not in calls.read_text()
    # Small as it comes, large when it is written: the kernel stops it.
    packed = image(tmp_path, "qcow2", "-c", data=b"imagestore" * (12 << 20))
    assert len(packed) < 2 << 20
    with pytest.raises(OverLimit, match="more bytes than it may"):
        await made(conversion(work, "vmdk"), packed, "qcow2", most=2 << 20)
    with pytest.raises(OverLimit, match="bytes at most"):
        await made(conversion(work), bytes(3 << 20), "raw", most=2 << 20)
    assert left(work) == set()


async def test_limits_are_in_force(tmp_path: Path, shim: Any) -> None:
    packed = image(tmp_path, "qcow2")
    shim('[ "$1" = info ] || { ulimit -v; ulimit -t; ulimit -c; } >> ' + str(tmp_path / "limits"))
    await made(conversion(tmp_path / "work", timeout=77), packed, "qcow2")
    assert (tmp_path / "limits").read_text().split() == [str(GIB >> 10), "78", "0"] * 3
    with pytest.raises((Unsupported, Unavailable)):
        await made(conversion(tmp_path / "work", memory=20 << 20), packed, "qcow2")


async def test_a_qemu_img_that_hangs(tmp_path: Path, shim: Any) -> None:
    packed = image(tmp_path, "qcow2")
    mark = tmp_path / "pid"
    shim(f'[ "$1" = info ] || {{ echo $$ > {mark}; exec sleep 600; }}')
    with pytest.raises(Unsupported, match="longer than 1 s"):
        await made(conversion(tmp_path / "work", timeout=1), packed, "qcow2")
    assert not Path(f"/proc/{mark.read_text().strip()}").exists()
    assert left(tmp_path / "work") == set()
    # And whoever gives up waiting takes it along.
    mark.unlink()
    waiting = asyncio.create_task(made(conversion(tmp_path / "work"), packed, "qcow2"))
    async with asyncio.timeout(60):
        while not mark.exists() or not mark.read_text():
            await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not Path(f"/proc/{mark.read_text().strip()}").exists()
    assert left(tmp_path / "work") == set()


@pytest.mark.parametrize("call", ["info", "check", "map", "convert"])
@pytest.mark.parametrize(
    "before, expected",
    [
        ("kill -9 $$", Unavailable),
        ("kill -SEGV $$", Unsupported),
        ("head -c 100000000 /dev/zero >&2; exit 1", Unsupported),
        ("exit 3", Unsupported),
    ],
)
async def test_a_qemu_img_that_dies(
    tmp_path: Path, shim: Any, before: str, expected: type[Exception], call: str
) -> None:
    packed = image(tmp_path, "qcow2")
    shim(f'[ "$1" != {call} ] || {{ {before}; }}')
    with pytest.raises(expected):
        await made(conversion(tmp_path / "work"), packed, "qcow2")
    assert left(tmp_path / "work") == set()


async def test_without_qemu_img(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = image(tmp_path, "qcow2")
    (tmp_path / "bin").mkdir()
    for name in ("setpriv", "nice", "prlimit"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(Unsupported, match="qemu-img is missing"):
        await made(conversion(tmp_path / "work"), packed, "qcow2")
    (tmp_path / "bin" / "setpriv").unlink()
    with pytest.raises(Unsupported, match="qemu-img is missing"):
        await made(conversion(tmp_path / "work"), packed, "qcow2")


async def test_no_room(tmp_path: Path, small_disk: Path) -> None:
    """Neither for what comes, nor for what is made of it; then there is."""
    with pytest.raises(OverLimit, match="no room"):
        await made(conversion(small_disk, "qcow2"), os.urandom(5 << 20), "raw")
    assert left(small_disk) == set()
    packed = image(tmp_path, "qcow2", "-c", data=b"imagestore" * 1_000_000)
    with pytest.raises(OverLimit, match="no room"):
        await made(conversion(small_disk), packed, "qcow2")
    assert left(small_disk) == set()
    packed = image(tmp_path, "qcow2", "-c", data=b"imagestore" * 100_000)
    size, _ = await made(conversion(small_disk), packed, "qcow2")
    assert size >= 1_000_000


async def test_one_at_a_time(tmp_path: Path, shim: Any) -> None:
    packed = image(tmp_path, "qcow2")
    running = tmp_path / "running"
    running.mkdir()
    shim(
        f'[ "$1" != convert ] || {{ touch {running}/$$; ls {running} | wc -l >> {tmp_path}/together'
        f"; sleep 0.3; rm {running}/$$; }}"
    )
    # As several processes, which know nothing of each other.
    each = [conversion(tmp_path / "work", turns=2) for _ in range(6)]
    await asyncio.gather(*(made(one, packed, "qcow2") for one in each))
    together = [int(line) for line in (tmp_path / "together").read_text().split()]
    assert len(together) == 6
    assert max(together) == 2


async def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file")
    with pytest.raises(Unavailable):
        await made(conversion(tmp_path / "work"), DISK, "raw", most=GIB)


def test_the_sample_of_a_cd() -> None:
    assert package_file(GRUB_ISO).stat().st_size > 1 << 20
