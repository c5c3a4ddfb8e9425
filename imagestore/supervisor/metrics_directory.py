"""The directory in which worker processes leave their metrics for one another.

It belongs to one supervisor; what a killed one left behind is removed by the next.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from imagestore.backends import private
from imagestore.supervisor.process_identity import identity, is_gone

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "metrics-"
_OWNER = "owner"


def create(run: Path) -> Path:
    """Make an empty directory for this process below ``run``, and remove those of dead ones."""
    private.make_directory(run)
    for old in run.glob(f"{_PREFIX}*"):
        if _is_left_behind(old):
            remove(old)
    directory = run / f"{_PREFIX}{os.getpid()}"
    directory.mkdir(private.DIRECTORY)
    (directory / _OWNER).write_text(identity())
    return directory


def forget(directory: Path, pid: int) -> None:
    """A worker has ended: what it was doing at the moment counts no more, what it did stays."""
    for file in directory.glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)


def remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)


def _is_left_behind(directory: Path) -> bool:
    try:
        owner = (directory / _OWNER).read_text()
    except FileNotFoundError:
        # Being made at this moment, or by someone who died while making it.
        return directory.name == f"{_PREFIX}{os.getpid()}"
    return is_gone(owner) is True
