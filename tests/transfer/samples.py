"""Disk images of every kind that qemu-img makes, harmless and harmful ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

DISK = 2 << 20
"""Bytes of the disk in each of them."""

# name: arguments of qemu-img create after the format, with {name} for a file beside it
MADE = {
    "qcow2-v3": ("qcow2", ""),
    "qcow2-v2": ("qcow2", "-o compat=0.10"),
    "qcow2-zstd": ("qcow2", "-o compression_type=zstd"),
    "qcow2-backing": ("qcow2", "-F qcow2 -b qcow2-v3"),
    "qcow2-data-file": ("qcow2", "-o data_file={directory}/data,data_file_raw=on"),
    "qcow": ("qcow", ""),
    "qed": ("qed", ""),
    "vmdk-sparse": ("vmdk", "-o subformat=monolithicSparse"),
    "vmdk-flat": ("vmdk", "-o subformat=monolithicFlat"),
    "vmdk-2gb": ("vmdk", "-o subformat=twoGbMaxExtentSparse"),
    "vhd-dynamic": ("vpc", "-o subformat=dynamic,force_size=on"),
    "vhd-fixed": ("vpc", "-o subformat=fixed,force_size=on"),
    "vhdx": ("vhdx", ""),
    "vdi": ("vdi", ""),
    "parallels": ("parallels", ""),
    "luks": ("luks", "--object secret,id=s,data=pw -o key-secret=s,iter-time=10"),
}
CONVERTED = {"vmdk-stream": ("vmdk", "-o subformat=streamOptimized")}
PACKAGED = {
    "iso-grub": "/usr/lib/grub-rescue/grub-rescue-cdrom.iso",
    "floppy-grub": "/usr/lib/grub-rescue/grub-rescue-floppy.img",
    "iso-memtest": "/usr/lib/memtest86+/memtest86+x64.iso",
    "iso-ipxe": "/usr/lib/ipxe/ipxe.iso",
    "kernel-memtest": "/boot/memtest86+x64.bin",
    "kernel-ipxe": "/boot/ipxe.lkrn",
}


def make(directory: Path, name: str) -> Path:
    """The sample of that name, made if it is not there."""
    if name in PACKAGED:
        return _packaged(Path(PACKAGED[name]))
    path = directory / name
    if path.exists():
        return path
    if name in BYTES:
        path.write_bytes(BYTES[name]())
    elif name in CONVERTED:
        source = make(directory, "random")
        _qemu_img("convert", "-f", "raw", "-O", *_words(CONVERTED[name]), source, path)
    else:
        kind, options = MADE[name]
        if "-b" in options:
            make(directory, "qcow2-v3")
        options = options.format(directory=directory)
        _qemu_img("create", "-f", *_words((kind, options)), path, str(DISK))
    return path


def _words(arguments: tuple[str, str]) -> list[str]:
    return [arguments[0], *arguments[1].split()]


def _qemu_img(*arguments: str | Path) -> None:
    try:
        subprocess.run(["qemu-img", *arguments], check=True, capture_output=True, cwd=arguments[-1].parent if isinstance(arguments[-1], Path) else arguments[-2].parent)
    except FileNotFoundError:
        _missing("qemu-img")


def _packaged(path: Path) -> Path:
    if not path.exists():
        _missing(str(path))
    return path


def _missing(what: str) -> None:
    """Skip where a package is not installed; CI installs them all."""
    message = f"{what} is missing; `make test` installs its package"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _boot_sector(*partitions: bytes, flags: bytes = b"") -> bytes:
    """An MBR with the given 16-byte entries, and a disk behind it."""
    table = b"".join(partitions).ljust(64, b"\0")
    return (flags.ljust(446, b"\0") + table + b"\x55\xaa").ljust(DISK, b"\0")


LINUX = bytes.fromhex("80 202100 83 aaaaaa 00080000 00080000".replace(" ", ""))
PROTECTIVE = bytes.fromhex("00 000200 ee ffffff 01000000 ff0f0000".replace(" ", ""))
BAD_BOOT_FLAG = b"\x41" + LINUX[1:]


def _huge_qcow2() -> bytes:
    """A header that claims a disk of 2**64 - 1 bytes."""
    header = bytearray(512)
    header[:8] = b"QFI\xfb\0\0\0\2"
    header[24:32] = b"\xff" * 8
    return bytes(header).ljust(DISK, b"\0")


def _qcow2_in_iso() -> bytes:
    data = bytearray(_huge_qcow2())
    data[24:32] = (1 << 20).to_bytes(8, "big")
    data[32769:32774] = b"CD001"
    return bytes(data)


def _footer_that_differs(directory: Path) -> bytes:
    data = bytearray(make(directory, "vmdk-stream").read_bytes())
    data[-1024 + 4] ^= 1
    return bytes(data)


BYTES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one": lambda: b"x",
    "random": lambda: __import__("random").Random(5).randbytes(DISK),
    "zeros": lambda: bytes(DISK),
    "text": lambda: b"just some text\n" * 100_000,
    "text-utf8": lambda: b"text\n" * 1000 + "é\n".encode() * 1000,
    "vmdk-descriptor": lambda: (
        b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"'
        b'\nRW 4096 FLAT "/etc/passwd" 0\n'
    ),
    "mbr": lambda: _boot_sector(LINUX),
    "mbr-bad-flag": lambda: _boot_sector(BAD_BOOT_FLAG),
    "mbr-no-partition": lambda: _boot_sector(),
    "gpt": lambda: _boot_sector(PROTECTIVE),
    "gpt-hybrid": lambda: _boot_sector(PROTECTIVE, LINUX),
    "qcow2-huge": _huge_qcow2,
    "qcow2-iso": _qcow2_in_iso,
    "qcow2-cut": lambda: _huge_qcow2()[:300],
    "gzip": lambda: __import__("gzip").compress(bytes(DISK)),
}
