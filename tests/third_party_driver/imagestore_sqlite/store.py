"""The store: the interface of a driver around the tables of one file."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imagestore_sqlite.objects import CHUNK, Objects
from imagestore_sqlite.settings import SqliteSettings

from imagestore.backends.base import Blocks, Capability, Capacity, Held, Stored
from imagestore.backends.errors import (
    InvalidLocation,
    Misconfigured,
    NotFound,
    Unavailable,
    WrongSize,
)
from imagestore.backends.parts import in_parts
from imagestore.backends.read_ahead import read_ahead

T = TypeVar("T")

SCHEME = "sqlitestore"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


class SqliteStore:
    """A store in a file; one thread has its connection."""

    capabilities = Capability.WRITABLE | Capability.RANGED | Capability.LISTED

    def __init__(self, name: str, settings: SqliteSettings) -> None:
        self.name = name
        self._path = Path(settings.sqlite_store_path)
        self._busy_timeout = settings.sqlite_store_busy_timeout
        self._thread: ThreadPoolExecutor | None = None
        self._objects: Objects | None = None

    async def start(self) -> None:
        if self._objects is not None:
            return
        if not self._path.is_absolute() or not self._path.parent.is_dir():
            raise Misconfigured(
                f"sqlite_store_path: {self._path} is not in a directory", store=self.name
            )
        self._thread = ThreadPoolExecutor(1, f"store-{self.name}")
        opening = partial(Objects, self.name, self._path, self._busy_timeout)
        self._objects = await asyncio.wrap_future(self._thread.submit(opening))

    async def stop(self) -> None:
        objects, self._objects = self._objects, None
        if self._thread is not None and objects is not None:
            await asyncio.wrap_future(self._thread.submit(objects.close))
            self._thread.shutdown(wait=False)

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        url = self._url(image_id)
        self._locate(url)
        count = 0
        beginning = self._submit(Objects.begin, image_id)
        try:
            object_id = await asyncio.shield(beginning)
            async with contextlib.aclosing(in_parts(blocks, CHUNK)) as chunks:
                number = 0
                async for chunk in chunks:
                    data = b"".join(chunk)
                    count += len(data)
                    if size is not None and count > size:
                        raise WrongSize(f"more than {size} bytes came", store=self.name)
                    await self._submit(Objects.append, object_id, number, data)
                    number += 1
            if size is not None and count != size:
                raise WrongSize(f"{count} bytes came instead of {size}", store=self.name)
            await self._submit(Objects.publish, object_id, image_id, count)
        except BaseException:
            # After whatever the thread is busy with now, which may be the publishing.
            await asyncio.shield(self._undo(beginning))
            raise
        return Stored(url, count)

    async def _undo(self, beginning: asyncio.Future[int]) -> None:
        with contextlib.suppress(Exception):
            await self._submit(Objects.remove, await beginning)

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        return self._open(url, offset, length)

    @contextlib.asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        object_id, size = await self._find(url)
        end = size if length is None else min(size, offset + length)
        if offset >= end:
            yield _nothing()
            return

        async def fetch(at: int, count: int) -> memoryview:
            data = await self._submit(Objects.read, object_id, at // CHUNK, url)
            # The first chunk and the last are given from where the range begins, and to its end.
            return memoryview(data)[max(0, offset - at) : min(count, end - at)]

        first = offset - offset % CHUNK
        async with contextlib.aclosing(
            read_ahead(fetch, first, end, step=CHUNK, depth=2)
        ) as blocks:
            yield blocks

    async def size(self, url: str) -> int:
        return (await self._find(url))[1]

    async def exists(self, url: str) -> bool:
        try:
            await self._find(url)
        except NotFound:
            return False
        return True

    async def delete(self, url: str) -> None:
        object_id, _ = await self._find(url)
        await self._submit(Objects.remove, object_id)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        self._locate(self._url(image_id))
        await self._submit(Objects.discard, image_id)

    async def held(self, owners: Iterable[str] = ()) -> AsyncGenerator[Sequence[Held], None]:
        after = 0
        while rows := await self._submit(Objects.page, after):
            yield [Held(image_id, bool(whole), size) for _, image_id, whole, size in rows]
            after = rows[-1][0]

    async def capacity(self) -> Capacity:
        return Capacity(total=None, free=None)

    def local_path(self, url: str) -> Path | None:
        return None

    def owns(self, url: str) -> bool:
        try:
            self._locate(url)
        except InvalidLocation:
            return False
        return True

    def places(self) -> frozenset[str]:
        return frozenset({f"{SCHEME}://{self._path.resolve()}"})

    def details(self) -> Mapping[str, Any]:
        return {"path": str(self._path)}

    def _url(self, image_id: str) -> str:
        return f"{SCHEME}://{self._path}/{image_id}"

    def _locate(self, url: str) -> str:
        """The name of the object that a location of this store means."""
        prefix = self._url("")
        name = url.removeprefix(prefix)
        if not url.startswith(prefix) or not _NAME.fullmatch(name):
            raise InvalidLocation("not a location of this store", store=self.name, url=url)
        return name

    async def _find(self, url: str) -> tuple[int, int]:
        return await self._submit(Objects.find, self._locate(url), url)

    def _submit(self, method: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """``method`` of the objects, on their thread, after what was submitted before."""
        if self._thread is None or self._objects is None:
            raise Unavailable("not started", store=self.name)
        return asyncio.wrap_future(self._thread.submit(method, self._objects, *args))


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
