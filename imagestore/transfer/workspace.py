"""Files that are needed for as long as somebody works on them, and turns for what loads a machine.

The files have no names: they go when they are closed, and when their process is killed. Turns
are locks of files, which the kernel gives back likewise; all processes with the same
directory share them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from imagestore.backends import private
from imagestore.model.errors import OverLimit, Unavailable

_LOOK = 0.25
"""Seconds between two looks for a free turn."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """``turns``: how many may have one at a time."""

    directory: Path
    turns: int

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn. :class:`Unavailable` if the directory cannot be used."""
        lock = None
        while lock is None:
            lock = await asyncio.to_thread(self._take)
            if lock is None:
                await asyncio.sleep(_LOOK)
        try:
            yield
        finally:
            os.close(lock)

    @contextlib.asynccontextmanager
    async def file(self) -> AsyncIterator[IO[bytes]]:
        """A new file, open for reading and writing."""
        try:
            file = await asyncio.to_thread(self._open)
        except OSError as error:
            raise as_conversion_failure(error) from error
        try:
            yield file
        finally:
            await asyncio.shield(asyncio.to_thread(file.close))

    def _open(self) -> IO[bytes]:
        private.make_directory(self.directory)
        return tempfile.TemporaryFile(dir=self.directory, buffering=0)

    def _take(self) -> int | None:
        try:
            private.make_directory(self.directory)
            for number in range(self.turns):
                lock = os.open(
                    self.directory / f".turn{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return lock
                except BlockingIOError:
                    os.close(lock)
        except OSError as error:
            raise as_conversion_failure(error) from error
        return None


def as_conversion_failure(error: OSError) -> OverLimit | Unavailable:
    """What a caller is told of a directory that cannot be used; its path stays in the log."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OverLimit("There is no room to convert the image.")
    return Unavailable("Images cannot be converted at the moment.")
