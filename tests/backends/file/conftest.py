"""File stores in temporary directories, and small real file systems to try them on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(target: Path, *arguments: str) -> Iterator[Path]:
    """``mount arguments target``; skips where it is not allowed, but fails in CI."""
    target.mkdir()
    mount = subprocess.run(
        ["mount", *arguments, str(target)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        message = f"cannot mount {' '.join(arguments)}: {mount.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield target
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 4 MiB."""
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=4m", "none") as path:
        yield path


@pytest.fixture
def freezing_disk(tmp_path: Path) -> Iterator[Path]:
    """An ext4 file system of its own, which ``fsfreeze`` can make hang."""
    device = tmp_path / "ext4.image"
    with device.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(device)], check=True)
    with mounted(tmp_path / "ext4", "-o", "loop", str(device)) as path:
        try:
            yield path
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", str(path)], capture_output=True, check=False)
