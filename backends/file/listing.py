"""What lies in a data directory."""

from __future__ import annotations

import os
from collections.abc import Set
from itertools import islice
from pathlib import Path

from imagestore.backends.base import Held
from imagestore.backends.file.faults import while_writing
from imagestore.backends.ids import is_id, leading_id

_PAGE = 1000
"""Names that are looked at in one call, so that others get their turn on the threads."""
_PARTIAL = ".partial"


class Listing:
    """Reads a directory page by page. Its methods block, and are called one at a time."""

    def __init__(self, store: str, directory: Path, leftovers: Set[str]) -> None:
        """``Unavailable`` if it is not there: a directory that is away is not an empty one."""
        self._store, self._leftovers = store, leftovers
        with while_writing(store):
            self._names = os.scandir(directory)

    def page(self) -> list[Held]:
        """The next ones; empty at the end."""
        found: list[Held] = []
        with while_writing(self._store):
            while not found:
                names = list(islice(self._names, _PAGE))
                if not names:
                    break
                found = [held for name in names if (held := self._held(name)) is not None]
        return found

    def close(self) -> None:
        """Let go of the directory."""
        self._names.close()

    def _held(self, entry: os.DirEntry[str]) -> Held | None:
        name = entry.name
        whole = is_id(name)
        image_id = name if whole else _of_writer(name) or beside(name, self._leftovers)
        if image_id is None:
            return None
        try:
            if not entry.is_file(follow_symlinks=False):
                return None
            return Held(image_id, whole, entry.stat(follow_symlinks=False).st_size)
        except FileNotFoundError:
            return None  # it went meanwhile


def beside(name: str, leftovers: Set[str]) -> str | None:
    """The image beside whose file something of that name was left."""
    stem = name
    while (parts := stem.rpartition("."))[2] in leftovers:
        stem = parts[0]
    return stem if stem != name and is_id(stem) else None


def _of_writer(name: str) -> str | None:
    """The image whose writer has a file of that name where it cannot do without one."""
    if not name.startswith(".") or not name.endswith(_PARTIAL):
        return None
    return leading_id(name[1:])
