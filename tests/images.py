"""Real disk images: from Debian's packages, and made by qemu-img."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

GRUB_ISO = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
MEMTEST_ISO = Path("/usr/lib/memtest86+/memtest86+x64.iso")
IPXE_ISO = Path("/usr/lib/ipxe/ipxe.iso")
LINUX_KERNEL = Path("/boot/memtest86+x64.bin")

QEMU_FORMATS = {
    # disk_format of the Images API: (qemu-img format, options)
    "qcow2": ("qcow2", ""),
    "vmdk": ("vmdk", "subformat=streamOptimized"),
    "vhd": ("vpc", "subformat=dynamic"),
    "vhdx": ("vhdx", ""),
    "vdi": ("vdi", ""),
    "raw": ("raw", ""),
}


def package_file(path: Path) -> Path:
    """A file of a Debian package; skips where it is not installed, fails in CI."""
    if not path.exists():
        message = f"{path} is missing: make test installs its package"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def converted(directory: Path, disk_format: str, source: Path | None = None) -> Path:
    """``source`` (by default GRUB's rescue CD) as an image of that format."""
    source = package_file(source or GRUB_ISO)
    name, options = QEMU_FORMATS[disk_format]
    target = directory / f"image.{disk_format}"
    command = ["qemu-img", "convert", "-f", "raw", "-O", name]
    if options:
        command += ["-o", options]
    subprocess.run([*command, str(source), str(target)], check=True, capture_output=True)
    return target
