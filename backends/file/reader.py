"""One open file that threads read from."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from imagestore.backends.blocks import BlockPool
from imagestore.backends.errors import InvalidLocation, Unavailable
from imagestore.backends.file.faults import while_using


class Reader:
    """A file that stays readable although it is deleted. Its methods block."""

    def __init__(self, store: str, url: str, path: Path, pool: BlockPool) -> None:
        self._store = store
        self._url = url
        self._pool = pool
        self._lock = threading.Lock()
        self._reading = 0
        self._closed = False
        with while_using(store, url):
            # Not to wait for the other end, should it be a pipe.
            self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise InvalidLocation("not a file", store=store, url=url)
        self.size = status.st_size

    def read(self, offset: int, length: int) -> memoryview:
        """Exactly ``length`` bytes, at most one block."""
        with self._lock:
            if self._closed:
                raise Unavailable("closed", store=self._store, url=self._url)
            self._reading += 1
        try:
            with while_using(self._store, self._url):
                block = self._pool.take()
                filled = 0
                while filled < length:
                    count = os.preadv(self._fd, [block[filled:length]], offset + filled)
                    if not count:
                        raise Unavailable(
                            "ended early: the file was cut", store=self._store, url=self._url
                        )
                    filled += count
                return block[:length].toreadonly()
        finally:
            with self._lock:
                self._reading -= 1
                self._close_if_unused()

    def close(self) -> None:
        """Release the file, after the reads that are under way: its number may be used again."""
        with self._lock:
            self._closed = True
            self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._closed and not self._reading and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
