"""Downloads: where the bytes of an image can be read, for a caller who may."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from imagestore.backends.base import Buffer
from imagestore.catalog.cached_data import CachedData
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.locations.correction import StoreCorrections
from imagestore.catalog.locations.rules import fetched
from imagestore.catalog.operations import Operations
from imagestore.database.locations import DAMAGED
from imagestore.identity.caller import Caller
from imagestore.model.errors import Forbidden, Gone, Invalid
from imagestore.model.image import Image, ImageStatus
from imagestore.stores.stores import Stores
from imagestore.transfer.local_files import LocalFiles
from imagestore.transfer.reading import Copy, Reading


@dataclass(frozen=True, slots=True)
class Download:
    """The data of one image: its size in bytes and the copies, best first."""

    image: Image
    size: int
    copies: tuple[Copy, ...]
    files: LocalFiles
    stores: Stores
    cache: CachedData | None = None

    def read(self, offset: int, length: int) -> Reading:
        """A pass over ``length`` bytes from ``offset``, through the cache where there is one."""
        cached = None
        if self.cache is not None:
            best = self.copies[0].store if self.copies else None
            cached = self.cache.opener(self.image, best, self.source, offset, length)
        return Reading(
            self.copies,
            self.size,
            offset,
            length,
            files=self.files,
            judge=self.stores.judge,
            cached=cached,
        )

    def source(self, offset: int) -> AsyncGenerator[Buffer, None]:
        """The bytes from ``offset`` to the end, from the stores."""
        reading = Reading(
            self.copies,
            self.size,
            offset,
            self.size - offset,
            files=self.files,
            judge=self.stores.judge,
        )
        return reading.blocks()


class Downloads(Operations):
    """Finds the data of images."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._corrections = StoreCorrections(deps)
        self._cache = CachedData(deps.cache) if deps.cache is not None else None
        sections = deps.stores.sections
        self._files = LocalFiles({each.name: each.access.call_timeout for each in sections})

    async def close(self) -> None:
        """Let what goes on behind the downloads end."""
        await self._corrections.settle()
        self._files.close()

    async def find(
        self, caller: Caller, image_id: str, prefer: Sequence[str] = ()
    ) -> Download | None:
        """The data of the image; None while it has none.

        ``prefer``: ids of stores to read from first.
        """
        self._check_preference(prefer)
        row = await self._database.select(self._access.find, caller, image_id)
        image = row.image
        if image.status is ImageStatus.DEACTIVATED and not caller.is_admin:
            raise Forbidden("The requested image has been deactivated. Access is denied.")
        self._access.require("download_image", caller, row)
        if prefer:
            self._access.require("download_from_store", caller, row)
        if not image.locations or image.size is None:
            return None
        # Who names a store means its copy.
        return self.of(image, prefer, None if prefer else self._cache)

    def of(
        self, image: Image, prefer: Sequence[str] = (), cache: CachedData | None = None
    ) -> Download:
        """The data of an image that has some; nobody is asked whether this is allowed.

        ``Gone`` if none of it is whole.
        """
        if all(each.status == DAMAGED for each in image.locations):
            raise Gone(
                "The data of this image is damaged in every store and is not served. "
                "The operator of the service has been told."
            )
        locations = self._corrections.corrected(image.locations)
        copies = [
            Copy(store, fetched(location.url))
            for store, location in self._stores.readable(locations, prefer)
        ]
        return Download(image, image.size or 0, tuple(copies), self._files, self._stores, cache)

    def sent(self, caller: Caller, image: Image, count: int, *, whole: bool) -> None:
        """Tell that so many bytes went out; ``whole``: all that were asked for."""
        self._notify.sent(caller, image, count, whole=whole)

    def _check_preference(self, prefer: Sequence[str]) -> None:
        if prefer and not self._stores.multiple:
            raise Invalid("prefer needs several stores; this service has one.")
        for name in prefer:
            if name not in self._stores:
                raise Invalid(f"There is no store '{name}'.")
