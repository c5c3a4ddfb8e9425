"""Two calls of Linux that Python does not offer."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

_sync_file_range = _libc.sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_SYNC_FILE_RANGE_WRITE = 2

_renameat2 = _libc.renameat2
_renameat2.argtypes = (
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_uint,
)
_RENAME_NOREPLACE = 1


def start_write_back(fd: int, offset: int, length: int) -> None:
    """Have the kernel begin to write these dirty pages. Best effort, waits for nothing."""
    _sync_file_range(fd, offset, length, _SYNC_FILE_RANGE_WRITE)


def rename_exclusive(directory: int, old: str, new: str) -> None:
    """Rename within the open ``directory``; ``FileExistsError`` if ``new`` is there."""
    if _renameat2(directory, os.fsencode(old), directory, os.fsencode(new), _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
