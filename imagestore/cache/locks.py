"""Locks between the processes of a node: bytes of one file, let go by the kernel when one dies.

They belong to an open file description, not to a process (``fcntl(2)``, OFD locks), so that
two tasks of one process exclude each other as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from pathlib import Path
from typing import Self

ROOM = 0
"""Held while room is counted, made and taken."""
KEEPER = 1
"""Held by the process that looks after the directory."""
_FIRST = 2
_FLOCK = "hhqqi4x"


class Held:
    """A lock that is held until ``release``, at the latest until the process ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def fill_of(image_id: str) -> int:
    """The byte that whoever fills the entry of the image holds."""
    digest = hashlib.sha256(image_id.encode()).digest()
    return _FIRST + (int.from_bytes(digest[:8], "big") >> 2)


def acquire(path: Path, byte: int, *, wait: bool = False) -> Held | None:
    """The lock of ``byte``; None if another has it. ``wait``: until the other lets go."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, wanted)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return Held(fd)
