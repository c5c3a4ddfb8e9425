"""Disk images of every kind: of Debian packages, made by qemu-img, and written by hand."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DISK = 2 << 20
"""Bytes of the disk in each image that is made here."""

# For `qemu-img create -f`.
MADE = {
    "qcow2-v3": "qcow2",
    "qcow2-v2": "qcow2 -o compat=0.10",
    "qcow2-zstd": "qcow2 -o compression_type=zstd",
    "qcow2-backing": "qcow2 -F qcow2 -b qcow2-v3",
    "qcow2-data-file": "qcow2 -o data_file=data,data_file_raw=on",
    "qcow": "qcow",
    "qed": "qed",
    "vmdk-sparse": "vmdk -o subformat=monolithicSparse",
    "vmdk-flat": "vmdk -o subformat=monolithicFlat",
    "vmdk-2gb": "vmdk -o subformat=twoGbMaxExtentSparse",
    "vhd-dynamic": "vpc -o subformat=dynamic,force_size=on",
    "vhd-fixed": "vpc -o subformat=fixed,force_size=on",
    "vhdx": "vhdx",
    "vdi": "vdi",
    "parallels": "parallels",
    "luks": "luks --object secret,id=s,data=pw -o key-secret=s,iter-time=10",
}
# For `qemu-img convert -f raw -O`, from "random".
CONVERTED = {"vmdk-stream": "vmdk -o subformat=streamOptimized"}
PACKAGED = {
    "iso-grub": "/usr/lib/grub-rescue/grub-rescue-cdrom.iso",
    "floppy-grub": "/usr/lib/grub-rescue/grub-rescue-floppy.img",
    "iso-memtest": "/usr/lib/memtest86+/memtest86+x64.iso",
    "iso-ipxe": "/usr/lib/ipxe/ipxe.iso",
    "kernel-memtest": "/boot/memtest86+x64.bin",
    "kernel-ipxe": "/boot/ipxe.lkrn",
}

_LINUX = bytes.fromhex("8020210083aaaaaa0008000000080000")
_PROTECTIVE = bytes.fromhex("00000200eeffffff01000000ff0f0000")


def make(directory: Path, name: str) -> Path:
    """The sample of that name; made in ``directory`` if it is not there."""
    if name in PACKAGED:
        path = Path(PACKAGED[name])
        return path if path.exists() else _missing(str(path))
    path = directory / name
    if path.exists():
        return path
    if name in WRITTEN:
        path.write_bytes(WRITTEN[name]())
    elif name in CONVERTED:
        make(directory, "random")
        _qemu_img(directory, f"convert -f raw -O {CONVERTED[name]} random {name}")
    else:
        if "-b " in MADE[name]:
            make(directory, "qcow2-v3")
        _qemu_img(directory, f"create -f {MADE[name]} {name} {DISK}")
    return path


def _qemu_img(directory: Path, command: str) -> None:
    for _ in range(50):
        try:
            result = subprocess.run(
                ["qemu-img", *command.split()],
                check=False,
                capture_output=True,
                text=True,
                cwd=directory,
            )
        except FileNotFoundError:
            _missing("qemu-img")
        # It measures the CPU before it encrypts, which may fail beside other work.
        if "accurate CPU usage" not in result.stderr:
            break
    assert result.returncode == 0, result.stderr


def _missing(what: str) -> Path:
    """Skip where a package is not installed; CI installs them all."""
    message = f"{what} is missing; `make test` installs its package"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _boot_sector(*partitions: bytes) -> bytes:
    """A disk with these entries of 16 bytes in its partition table."""
    return (bytes(446) + b"".join(partitions).ljust(64, b"\0") + b"\x55\xaa").ljust(DISK, b"\0")


def _qcow2(size: int) -> bytes:
    """The header of a disk of ``size`` bytes, and nothing after it."""
    header = bytearray(DISK)
    header[:8] = b"QFI\xfb\0\0\0\2"
    header[24:32] = size.to_bytes(8, "big")
    return bytes(header)


def _qcow2_and_iso() -> bytes:
    data = bytearray(_qcow2(DISK))
    data[32769:32774] = b"CD001"
    return bytes(data)


WRITTEN: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one": lambda: b"x",
    "random": lambda: random.Random(5).randbytes(DISK),
    "zeros": lambda: bytes(DISK),
    "text": lambda: b"just some text\n" * 100_000,
    "text-utf8": lambda: b"text\n" * 1000 + "é\n".encode() * 1000,
    "vmdk-descriptor": lambda: (
        b"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
        b'createType="monolithicFlat"\nRW 4096 FLAT "/etc/passwd" 0\n'
    ),
    # QEMU takes it for one too, and reads on up to the first zero byte.
    "vmdk-descriptor-padded": lambda: (
        b'#\n \nversion=3\r\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/passwd" 0\n' + bytes(4096)
    ),
    "mbr": lambda: _boot_sector(_LINUX),
    "mbr-bad-flag": lambda: _boot_sector(b"\x41" + _LINUX[1:]),
    "mbr-no-partition": lambda: _boot_sector(),
    "gpt": lambda: _boot_sector(_PROTECTIVE),
    "gpt-hybrid": lambda: _boot_sector(_PROTECTIVE, _LINUX),
    "qcow2-huge": lambda: _qcow2((1 << 64) - 1),
    "qcow2-and-iso": _qcow2_and_iso,
    "qcow2-cut": lambda: _qcow2(DISK)[:300],
    "gzip": lambda: gzip.compress(bytes(DISK)),
}
