"""Downloads: where the bytes of an image can be read, for a caller who may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagestore.catalog.access import Access
from imagestore.catalog.locations import Repairs
from imagestore.catalog.parts import Parts
from imagestore.catalog.telling import Telling
from imagestore.database.locations import DAMAGED
from imagestore.errors import Forbidden, Gone, Invalid
from imagestore.identity.caller import Caller
from imagestore.image import Image, ImageStatus
from imagestore.stores import Stores
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

    def read(self, offset: int, length: int) -> Reading:
        """A pass over ``length`` bytes from ``offset``."""
        return Reading(
            self.copies, self.size, offset, length, files=self.files, judge=self.stores.judge
        )


class Downloads:
    """Finds the data of images."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._stores = parts.stores
        self._access = Access(parts.policy)
        self._tell = Telling(parts.notifier)
        self._repairs = Repairs(parts)
        sections = parts.stores.sections
        self._files = LocalFiles({each.name: each.access.call_timeout for each in sections})

    async def close(self) -> None:
        """Let what goes on behind the downloads end."""
        await self._repairs.settle()
        self._files.close()

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
        usable = [each for each in image.locations if each.status != DAMAGED]
        if not usable:
            raise Gone(
                "The data of this image is damaged in every store and is not served. "
                "The operator of the service has been told."
            )
        locations = self._repairs.corrected(usable)
        copies = [
            Copy(store, location.url)
            for store, location in self._stores.readable(locations, prefer)
        ]
        return Download(image, image.size, tuple(copies), self._files, self._stores)

    def sent(self, caller: Caller, image: Image, count: int, *, whole: bool) -> None:
        """Tell that so many bytes went out; ``whole``: all that were asked for."""
        self._tell.sent(caller, image, count, whole=whole)

    def _check_preference(self, prefer: Sequence[str]) -> None:
        if prefer and not self._stores.multiple:
            raise Invalid("prefer needs several stores; this service has one.")
        for name in prefer:
            if name not in self._stores:
                raise Invalid(f"There is no store '{name}'.")
