"""Files of stores opened for the kernel to send, on threads of each store's own.

A store whose file system hangs holds up its own threads, and nobody else.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

_THREADS = 8
"""For each store, made when needed; a cold disk keeps one busy for each transfer."""


class LocalFiles:
    """``timeouts``: by store, the seconds in which a file has to be open; 0 is no limit."""

    def __init__(self, timeouts: Mapping[str, float]) -> None:
        self._timeouts = timeouts
        self._executors: dict[str, ThreadPoolExecutor] = {}

    def executor(self, store: str) -> Executor:
        """The threads that wait for the disk of the store."""
        if store not in self._executors:
            self._executors[store] = ThreadPoolExecutor(_THREADS, f"files-{store}")
        return self._executors[store]

    async def open(self, store: str, path: Path) -> tuple[BinaryIO, int]:
        """The file, open for reading, and its size in bytes.

        ``OSError`` if there is none; ``TimeoutError``, which is one too, if nothing answers.
        """
        opening = self.executor(store).submit(_open, path)
        try:
            async with asyncio.timeout(self._timeouts.get(store) or None):
                return await asyncio.wrap_future(opening)
        except BaseException:
            opening.add_done_callback(_close)
            raise

    def close(self) -> None:
        """End the threads that wait for nothing."""
        for executor in self._executors.values():
            executor.shutdown(wait=False)
        self._executors.clear()


def _open(path: Path) -> tuple[BinaryIO, int]:
    # A link in a data directory could lead to any file of the machine; and a pipe would wait.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(fd, "rb", 0)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise OSError(f"{path} is no file")
    return file, status.st_size


def _close(opening: Future[tuple[BinaryIO, int]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()
