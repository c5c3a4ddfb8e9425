"""Writers of several processes on one SQLite file take turns.

SQLite lets a process that finds the file locked sleep ever longer and try again,
so one that writes without pause keeps the others out for a second at a time.
Here a waiting process stands in a queue of one: who has just written can only
get in line behind it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NEXT, _NOW = 0, 1
"""The bytes of the file whose locks mean: is next, writes now."""
_POLL = 0.0005
"""Seconds between two looks; a wait in the kernel could not be given up."""


class Turns:
    """The turn of this process; the locks end with the process that holds them.

    An aid to fairness alone: SQLite's own locks are what keeps writers apart,
    also from programs that know nothing of turns.
    """

    def __init__(self, path: Path, patience: float) -> None:
        """``patience``: seconds after which a turn is taken without being had."""
        self._patience = patience
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        os.close(self._file)

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Wait for the turn and end it."""
        deadline = time.monotonic() + self._patience
        is_next = self._wait_for(_NEXT, deadline)
        try:
            had = self._wait_for(_NOW, deadline)
        finally:
            self._give_up(_NEXT, is_next)
        try:
            yield
        finally:
            self._give_up(_NOW, had)

    def _wait_for(self, byte: int, deadline: float) -> bool:
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                return True
            except OSError:
                if time.monotonic() > deadline:
                    return False
            time.sleep(_POLL)

    def _give_up(self, byte: int, had: bool) -> None:
        if had:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)
