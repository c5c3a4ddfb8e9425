"""A dump: images in a directory, as files that a person can read.

``<id>.json`` holds the metadata, as the Images API shows them, with the members if there are
any; ``<id>.img`` the data. Data that is not complete is called ``<id>.img.part``, and goes on
from there the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from imagestore.backends.base import BLOCK_SIZE, Buffer
from imagestore.model.errors import Conflict, Corrupt, Invalid, OverLimit
from imagestore.model.image import ImageStatus
from imagestore.sites.record import Record, from_document
from imagestore.sites.site import Data, Members


class Dump:
    """See :class:`imagestore.sites.site.Target`."""

    def __init__(self, directory: Path) -> None:
        self.label = str(directory)
        self._directory = directory

    async def records(self, since: datetime | None = None) -> AsyncGenerator[Record, None]:
        for path in await asyncio.to_thread(lambda: sorted(self._directory.glob("*.json"))):
            record = await self.record(path.stem)
            if record is not None and (since is None or record.updated_at >= since):
                yield record

    async def record(self, image_id: str) -> Record | None:
        document = await asyncio.to_thread(self._read, image_id)
        if document is None:
            return None
        record = from_document(document)
        if record.id != image_id:
            raise Invalid(f"{self._json(image_id)} describes another image, {record.id}.")
        if record.has_data and not await asyncio.to_thread(self._data(image_id).exists):
            return replace(record, status=ImageStatus.QUEUED)
        return record

    async def read(self, record: Record, offset: int = 0) -> AsyncGenerator[Buffer, None]:
        path = self._data(record.id)
        if record.size is not None and await asyncio.to_thread(_size, path) != record.size:
            raise Conflict(f"{path} is not right: it should have {record.size} bytes.")
        async with contextlib.aclosing(_blocks(path, offset)) as blocks:
            async for block in blocks:
                yield block

    async def members(self, image_id: str) -> Members:
        members = (await self._document(image_id)).get("members", {})
        if not isinstance(members, dict):
            raise Invalid(f"{self._json(image_id)}: members is not an object.")
        return {str(project): str(status) for project, status in members.items()}

    async def create(self, record: Record) -> None:
        await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
        await self._save(record.id, record.document())

    async def change(self, before: Record, fields: Mapping[str, object]) -> None:
        document = await self._document(before.id)
        kept = {name: value for name, value in document.items() if name not in before.fields}
        await self._save(before.id, kept | dict(fields))

    async def write(self, record: Record, data: Data) -> None:
        part = self._data(record.id).with_suffix(".img.part")
        begun = await asyncio.to_thread(_size, part)
        if record.size is not None and begun > record.size:
            await asyncio.to_thread(part.unlink)
            begun = 0
        blocks = data.blocks(_blocks(part) if begun else None)
        file = await asyncio.to_thread(part.open, "ab", 0)
        try:
            async with contextlib.aclosing(blocks):
                async for block in blocks:
                    await asyncio.to_thread(_write, file, block)
            await asyncio.to_thread(os.fsync, file.fileno())
        except (Conflict, Corrupt):
            # Going on from there would only find the same.
            await asyncio.to_thread(part.unlink)
            raise
        except OSError as error:
            raise OverLimit(f"{part} cannot be written: {error.strerror}.") from error
        finally:
            await asyncio.to_thread(file.close)
        await asyncio.to_thread(_rename, part, self._data(record.id))
        document = await self._document(record.id)
        await self._save(record.id, document | _facts(record))

    async def set_members(self, image_id: str, before: Members, after: Members) -> None:
        document = await self._document(image_id)
        await self._save(image_id, document | {"members": dict(after)})

    async def switch(self, image_id: str, *, active: bool) -> None:
        status = ImageStatus.ACTIVE if active else ImageStatus.DEACTIVATED
        await self._save(image_id, await self._document(image_id) | {"status": status})

    async def remove(self, image_id: str) -> None:
        for path in (self._json(image_id), self._data(image_id)):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _json(self, image_id: str) -> Path:
        return self._directory / f"{image_id}.json"

    def _data(self, image_id: str) -> Path:
        return self._directory / f"{image_id}.img"

    def _read(self, image_id: str) -> dict[str, Any] | None:
        path = self._json(image_id)
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Invalid(f"{path} is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise Invalid(f"{path} does not describe an image.")
        return document

    async def _document(self, image_id: str) -> dict[str, Any]:
        document = await asyncio.to_thread(self._read, image_id)
        if document is None:
            raise Conflict(f"{self._json(image_id)} is gone.")
        return document

    async def _save(self, image_id: str, document: Mapping[str, Any]) -> None:
        text = json.dumps(dict(document), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

        def save() -> None:
            beside = self._json(image_id).with_suffix(".json.part")
            with beside.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _rename(beside, self._json(image_id))

        try:
            await asyncio.to_thread(save)
        except OSError as error:
            raise OverLimit(f"{self._json(image_id)}: {error.strerror}.") from error


def _facts(record: Record) -> dict[str, Any]:
    """What is known of the data, which is there from now on."""
    names = ("status", "size", "checksum", "os_hash_algo", "os_hash_value", "updated_at")
    document = record.document()
    return {name: document[name] for name in names}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _write(file: Any, block: Buffer) -> None:
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]


def _rename(path: Path, to: Path) -> None:
    path.replace(to)
    directory = os.open(to.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


async def _blocks(path: Path, offset: int = 0) -> AsyncGenerator[Buffer, None]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, offset)
        while block := await asyncio.to_thread(file.read, BLOCK_SIZE):
            yield block
    finally:
        await asyncio.to_thread(file.close)
