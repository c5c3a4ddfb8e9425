"""Downloads: where the bytes of an image can be read, for a caller who may."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Blocks, Capability, Store
from imagestore.catalog.access import Access
from imagestore.catalog.parts import Parts
from imagestore.errors import Forbidden, Invalid, Unavailable
from imagestore.identity.caller import Caller
from imagestore.image import Image, ImageStatus, Location

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Download:
    """The data of one image: its size in bytes and the copies, best first."""

    image: Image
    size: int
    copies: tuple[tuple[Store, Location], ...]

    async def open_file(self) -> BinaryIO | None:
        """The first copy that is a whole local file, opened; None if there is none.

        The caller closes it. While it is open the data stays readable,
        whatever happens to the image.
        """
        for store, location in self.copies:
            if Capability.LOCAL_PATH not in store.capabilities:
                continue
            path = store.local_path(location.url)
            if path is None:
                continue
            try:
                file = await asyncio.to_thread(_open, path)
            except OSError as error:
                log.error("image %s: a copy cannot be read: %s", self.image.id, error)
                continue
            if os.fstat(file.fileno()).st_size == self.size:
                return file
            log.error("image %s: the copy at %s has another size", self.image.id, path)
            file.close()
        return None

    @asynccontextmanager
    async def blocks(self, offset: int, length: int) -> AsyncIterator[Blocks]:
        """``length`` bytes from ``offset``, from the first copy that can be opened."""
        for store, location in self.copies:
            opened = store.open(location.url, offset, length)
            try:
                if await store.size(location.url) != self.size:
                    log.error(
                        "image %s: the copy in %s has another size", self.image.id, store.name
                    )
                    continue
                blocks = await opened.__aenter__()
            except store_errors.StoreError as error:
                log.error("image %s: a copy cannot be read: %s", self.image.id, error)
                continue
            try:
                yield blocks
            finally:
                await opened.__aexit__(None, None, None)
            return
        raise Unavailable(f"The data of image {self.image.id} cannot be read at the moment.")


def _open(path: Path) -> BinaryIO:
    # A link in a data directory could lead to any file of the machine.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", 0)


class Downloads:
    """Finds the data of images."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._stores = parts.stores
        self._access = Access(parts.policy)

    async def find(
        self, caller: Caller, image_id: str, prefer: Sequence[str] = ()
    ) -> Download | None:
        """The data of the image; None while it has none.

        ``prefer``: ids of stores to read from first.
        """
        self._check_preference(prefer)
        row = await self._database.read(self._access.find, caller, image_id)
        image = row.image
        if image.status is ImageStatus.DEACTIVATED and not caller.is_admin:
            raise Forbidden("The requested image has been deactivated. Access is denied.")
        self._access.require("download_image", caller, row)
        if prefer:
            self._access.require("download_from_store", caller, row)
        if not image.locations or image.size is None:
            return None
        copies = self._stores.ordered(image.locations, prefer)
        return Download(image, image.size, tuple(copies))

    def _check_preference(self, prefer: Sequence[str]) -> None:
        if prefer and not self._stores.multiple:
            raise Invalid("prefer needs several stores; this service has one.")
        for name in prefer:
            if name not in self._stores:
                raise Invalid(f"There is no store '{name}'.")
