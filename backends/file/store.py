"""The store: files in data directories, read and written on threads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imagestore.backends.base import BLOCK_SIZE, Blocks, Capability, Capacity, Pages, Store, Stored
from imagestore.backends.blocks import BlockPool
from imagestore.backends.calls import Calls
from imagestore.backends.errors import CannotCopy, InvalidLocation, Misconfigured, Unavailable
from imagestore.backends.file.datadirs import DataDirs
from imagestore.backends.file.faults import while_removing, while_using, while_writing
from imagestore.backends.file.listing import Listing, beside
from imagestore.backends.file.mountpoints import Mountpoints
from imagestore.backends.file.reader import Reader
from imagestore.backends.file.settings import FileSettings
from imagestore.backends.file.writer import Writer
from imagestore.backends.in_flight import BLOCKS, Window
from imagestore.backends.lane import Lane
from imagestore.backends.parts import Counted

T = TypeVar("T")

_DIRECT_FROM = 4 << 20
"""Objects known to be smaller in bytes stay in the page cache for their first reader."""
_COPIED = 64 << 20
"""Bytes of a copy that the kernel makes in one call."""


class FileStore(Store):
    """A :class:`~imagestore.backends.base.Store` in local or shared directories."""

    capabilities = (
        Capability.WRITABLE
        | Capability.RANGED
        | Capability.LOCAL_PATH
        | Capability.DIRECT_URL
        | Capability.LISTED
        | Capability.COPIES
    )

    def __init__(self, name: str, settings: FileSettings) -> None:
        self.name = name
        self._settings = settings
        self._leftovers = settings.leftovers
        self._pool = BlockPool(
            block_size=max(settings.filesystem_store_chunk_size, BLOCK_SIZE), kept=16
        )
        self._running: Calls | None = None
        self._dirs = DataDirs(name, "", [])
        self._mountpoints = Mountpoints([])
        self._permissions: int | None = None

    async def start(self) -> None:
        settings = self._settings
        dirs = DataDirs.configured(self.name, settings)
        self._permissions = _permissions(self.name, settings.filesystem_store_file_perm)
        if self._running is None:
            threads = _Threads(self.name, settings.filesystem_store_thread_pool_size)
            timeout = settings.filesystem_store_timeout or None
            self._running = Calls(self.name, threads, "the file system", timeout)
        self._mountpoints = await self._calls.call(
            Mountpoints.read, self.name, settings.filesystem_store_metadata_file
        )
        await self._calls.call(dirs.prepare, self._permissions)
        self._dirs = dirs

    async def stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            # Not waited for: a file system that hangs would hold up the end of the process.
            running.threads.shutdown(wait=False)

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        writer, calls = self._writer(image_id, size), self._calls
        lane = Lane(calls.threads, writer.write)
        source = Counted(blocks, size, store=self.name)
        try:
            async for block in source:
                if not lane.offer(block):
                    await calls.answered(lane.put(block))
            url = await calls.answered(lane.finish(partial(writer.commit, source.bytes)))
        except BaseException:
            # It takes its turn after a call that hangs, but is not waited for that long.
            with contextlib.suppress(Unavailable):
                await calls.answered(asyncio.shield(lane.abandon(writer.abort)))
            raise
        return self._stored(url, source.bytes)

    async def copy(
        self,
        image_id: str,
        source: Store,
        url: str,
        size: int,
        *,
        owner: str | None = None,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> Stored:
        if not isinstance(source, FileStore):
            raise CannotCopy("copies files", store=self.name)
        writer, calls = self._writer(image_id, size), self._calls
        original = await calls.call(source._open_whole, url, size, undo=os.close)
        lane = Lane(calls.threads, lambda _: None)
        try:
            for start in range(0, size, _COPIED):
                step = partial(writer.copy, original, min(_COPIED, size - start))
                await calls.answered(lane.finish(step))
                on_progress(min(size, start + _COPIED))
            made = await calls.answered(lane.finish(partial(writer.commit, size)))
        except BaseException:

            def give_up() -> None:
                # Not before: a thread may be at work with it.
                os.close(original)
                writer.abort()

            with contextlib.suppress(Unavailable):
                await calls.answered(asyncio.shield(lane.abandon(give_up)))
            raise
        os.close(original)
        return self._stored(made, size)

    def _open_whole(self, url: str, size: int) -> int:
        path = self._dirs.find(url)
        with while_using(self.name, url):
            found = self._size(path, url)
            if found != size:
                raise CannotCopy(f"{found} bytes are there, not {size}", store=self.name, url=url)
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)

    def _writer(self, image_id: str, size: int | None) -> Writer:
        self._dirs.check_name(image_id)
        thin = self._settings.filesystem_thin_provisioning
        return Writer(
            self.name,
            self._dirs,
            partial(self._dirs.candidates, size, thin=thin),
            image_id,
            self._pool,
            thin=thin,
            direct=self._settings.filesystem_store_direct_io
            and (size is None or size >= _DIRECT_FROM),
            permissions=self._permissions,
        )

    def _stored(self, url: str, size: int) -> Stored:
        return Stored(url, size, self._mountpoints.metadata(self._dirs.locate(url)))

    @contextlib.asynccontextmanager
    async def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[Blocks]:
        reader = await self._calls.call(self._reader, url, undo=Reader.close)
        try:
            end = reader.size if length is None else min(reader.size, offset + length)
            window = Window(self._pool.block_size, BLOCKS)
            read = window.read(
                lambda start, count: self._calls.call(reader.read, start, count), offset, end
            )
            async with contextlib.aclosing(read) as blocks:
                yield blocks
        finally:
            reader.close()

    def _reader(self, url: str) -> Reader:
        return Reader(self.name, url, self._dirs.find(url), self._pool)

    async def size(self, url: str) -> int:
        return await self._calls.call(lambda: self._size(self._dirs.find(url), url))

    def _size(self, path: Path, url: str) -> int:
        with while_using(self.name, url):
            status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidLocation("not a file", store=self.name, url=url)
        return status.st_size

    async def delete(self, url: str) -> None:
        await self._calls.call(self._delete, url)

    def _delete(self, url: str) -> None:
        path = self._dirs.find(url)
        self._size(path, url)
        with while_removing(self.name, url):
            path.unlink()
            _sync(path.parent)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        self._dirs.check_name(image_id)
        await self._calls.call(self._discard, image_id)

    def _discard(self, image_id: str) -> None:
        for datadir in self._dirs.dirs:
            with while_removing(self.name, datadir.url(image_id)):
                left = [*datadir.path.glob(f".{image_id}.*.partial"), datadir.path / image_id]
                for path in datadir.path.glob(f"{image_id}.*") if self._leftovers else ():
                    left += [path] if beside(path.name, self._leftovers) == image_id else []
                for path in left:
                    path.unlink(missing_ok=True)
                _sync(datadir.path)

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        for datadir in self._dirs.dirs:
            where = self.name, datadir.path, self._leftovers
            listing = await self._calls.call(Listing, *where, undo=Listing.close)
            try:
                while page := await self._calls.call(listing.page):
                    yield page
            finally:
                self._calls.threads.submit(listing.close)

    async def capacity(self) -> Capacity:
        return await self._calls.call(self._capacity)

    def _capacity(self) -> Capacity:
        systems = {}
        for datadir in self._dirs.dirs:
            with while_writing(self.name):
                systems[datadir.path.stat().st_dev] = os.statvfs(datadir.path)
        return Capacity(
            total=sum(each.f_blocks * each.f_frsize for each in systems.values()),
            free=sum(each.f_bavail * each.f_frsize for each in systems.values()),
        )

    def local_path(self, url: str) -> Path | None:
        # Where that is, nobody knows without a look.
        return None if self.may_have_had(url) else self._dirs.locate(url)

    def may_have_had(self, url: str) -> bool:
        return self._dirs.may_have_had(url)

    async def moved_to(self, url: str) -> str | None:
        return await self._calls.call(self._moved_to, url)

    def _moved_to(self, url: str) -> str | None:
        try:
            path = self._dirs.find(url)
        except InvalidLocation:
            return None
        return f"file://{path}" if self.may_have_had(url) else None

    def owns(self, url: str) -> bool:
        try:
            self._dirs.locate(url)
        except InvalidLocation:
            return False
        return True

    def places(self) -> frozenset[str]:
        dirs = DataDirs.configured(self.name, self._settings).dirs
        return frozenset(f"file://{each.path.resolve()}" for each in dirs)

    def details(self) -> Mapping[str, Any]:
        settings = self._settings
        return {
            "data_dir": settings.filesystem_store_datadir
            or list(settings.filesystem_store_datadirs),
            "chunk_size": self._pool.block_size,
            "thin_provisioning": settings.filesystem_thin_provisioning,
        }

    @property
    def _calls(self) -> Calls:
        if self._running is None:
            raise Unavailable("not started", store=self.name)
        return self._running


class _Threads(ThreadPoolExecutor):
    """Threads of one store, whose end is an error of that store."""

    def __init__(self, store: str, count: int) -> None:
        super().__init__(count, f"store-{store}")
        self._store = store

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError as error:
            raise Unavailable("the store was stopped", store=self._store) from error


def _permissions(store: str, value: int) -> int | None:
    """The mode that an option's digits mean, which are octal; None to leave it alone."""
    if value <= 0:
        return None
    try:
        mode = int(str(value), 8)
    except ValueError:
        mode = 0
    if not mode & stat.S_IRUSR or mode > 0o777:
        raise Misconfigured(
            f"filesystem_store_file_perm: {value} is not an octal mode that lets the "
            "service read its own files",
            store=store,
        )
    return mode


def _sync(directory: Path) -> None:
    """Make it last that a name went away: no object comes back after a power cut."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
