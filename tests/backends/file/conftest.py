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
    """``mount arguments target``; skips where that is not allowed, but fails in CI."""
    target.mkdir()
    _run("mount", *arguments, str(target))
    try:
        yield target
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"{' '.join(command)}: {getattr(error, 'stderr', error)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


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
    _run("mkfs.ext4", "-q", str(device))
    with mounted(tmp_path / "ext4", "-o", "loop", str(device)) as path:
        try:
            yield path
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", str(path)], capture_output=True, check=False)
