"""The store: files in data directories, read and written on threads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar

from imagestore.backends.base import BLOCK_SIZE, Blocks, Capability, Capacity, Stored
from imagestore.backends.blocks import BlockPool
from imagestore.backends.errors import InvalidLocation, NotFound, Unavailable, WrongSize
from imagestore.backends.file import setup
from imagestore.backends.file.datadirs import DataDirs
from imagestore.backends.file.faults import while_removing, while_using, while_writing
from imagestore.backends.file.reader import Reader
from imagestore.backends.file.settings import FileSettings
from imagestore.backends.file.writer import Writer
from imagestore.backends.lane import Lane

T = TypeVar("T")

_DIRECT_FROM = 4 << 20
"""Objects known to be smaller in bytes stay in the page cache for their first reader."""


class FileStore:
    """A :class:`~imagestore.backends.base.Store` in local or shared directories."""

    capabilities = (
        Capability.WRITABLE | Capability.RANGED | Capability.LOCAL_PATH | Capability.DIRECT_URL
    )

    def __init__(self, name: str, settings: FileSettings) -> None:
        self.name = name
        self._settings = settings
        self._timeout = settings.filesystem_store_timeout or None
        self._pool = BlockPool(
            block_size=max(settings.filesystem_store_chunk_size, BLOCK_SIZE), kept=16
        )
        self._threads: ThreadPoolExecutor | None = None
        self._place: setup.Place | None = None

    async def start(self) -> None:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(
                self._settings.filesystem_store_thread_pool_size, f"store-{self.name}"
            )
        self._place = await self._call(partial(setup.prepare, self.name, self._settings))

    async def stop(self) -> None:
        threads, self._threads = self._threads, None
        if threads is not None:
            # Not waited for: a file system that hangs would hold up the end of the process.
            threads.shutdown(wait=False)
