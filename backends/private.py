"""Files and directories for the owner and their group alone, whatever the umask says.

What is made where nobody may choose the mode (logs, metrics, SQLite's own files, libraries') is
kept private by the umask of the process, which only ever becomes stricter.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

FILE, DIRECTORY = 0o640, 0o750
_NOT_OURS_TO_GIVE = 0o027
"""Writing for the group, and everything for others."""


def restrict_process() -> None:
    """For whatever this process makes from now on, and those that it starts."""
    os.umask(os.umask(0o077) | _NOT_OURS_TO_GIVE)


def make_directory(path: Path, mode: int = DIRECTORY) -> None:
    """Make it and its parents, where they are missing: these as well of that mode."""
    if path.is_dir():
        return
    make_directory(path.parent, mode)
    try:
        path.mkdir(mode)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        if mode & ~DIRECTORY:  # the umask would take away what was asked for
            path.chmod(mode)


def obstacle(directory: Path, *, is_made: bool) -> str:
    """Why no file can be made there; empty if one can. ``is_made``: the directory itself is made
    first, if it is missing. Makes nothing."""
    path = directory
    while is_made and not os.path.exists(path) and path != path.parent:  # noqa: PTH110 (it never raises)
        path = path.parent
    if not path.is_dir():
        return f"{path} is not a directory"
    writable = os.access(path, os.W_OK | os.X_OK, effective_ids=True)
    return "" if writable else f"{path} cannot be written to"


def make_file(path: Path) -> None:
    """Make it empty where it is missing. ``OSError`` where that cannot be."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))


def tighten(path: Path) -> None:
    """Take from others what they may do with a file that is there, if it is ours."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            path.chmod(mode & ~stat.S_IRWXO)
