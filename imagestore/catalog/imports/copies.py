"""One image copied from its best copy into one more store: verified first, then recorded."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Callable

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Blocks, Buffer, Store, Stored
from imagestore.catalog.jobs import GiveUp
from imagestore.catalog.parts import Parts, now
from imagestore.catalog.recovery import Recovery
from imagestore.catalog.uploads import Uploads, left_nothing, told
from imagestore.database import images, journal, locations
from imagestore.errors import ImagestoreError, Unavailable
from imagestore.image import Image, ImageStatus, Location
from imagestore.transfer.digests import Digest
from imagestore.transfer.local_files import LocalFiles
from imagestore.transfer.reading import Copy, Reading

log = logging.getLogger(__name__)

_CLEANING = 30.0
_READABLE = frozenset({ImageStatus.ACTIVE, ImageStatus.DEACTIVATED})


class Copies:
    """The one operation that gives an image another copy."""

    def __init__(self, parts: Parts, uploads: Uploads, recovery: Recovery) -> None:
        self._parts = parts
        self._database = parts.database
        self._uploads = uploads
        self._recovery = recovery
        self._files = LocalFiles({})

    async def copy(
        self, image_id: str, store: str, *, on_progress: Callable[[int], object] | None = None
    ) -> None:
        """Have the image in ``store`` as well; nothing is done if it is there already.

        :class:`GiveUp` if it can never be, :class:`Unavailable` if it cannot be now. In either
        case nothing is left in the store.
        """
        await self._recovery.clear(image_id)
        image = await self._database.read(_image, image_id)
        if any(self._is_in(store, location) for location in image.locations):
            return
        if store not in self._parts.stores:
            raise GiveUp(f"There is no store '{store}' any more.")
        target = self._parts.stores.get(store)
        entry = journal.new_entry()
        self._uploads.under_way.add(entry)
        try:
            await self._database.write(
                journal.open_upload, entry, image_id, store, self._parts.owner, now()
            )
            try:
                stored = await self._transfer(image, target, on_progress)
                await self._database.write(self._record, image_id, store, stored, entry)
            except BaseException as error:
                await asyncio.shield(self._undo(image_id, entry, target, error))
                raise
        finally:
            self._uploads.under_way.discard(entry)

    def _is_in(self, store: str, location: Location) -> bool:
        found = self._parts.stores.of(location)
        return found is not None and found.name == store

    async def _transfer(
        self, image: Image, target: Store, on_progress: Callable[[int], object] | None
    ) -> Stored:
        assert image.size is not None
        stores = self._parts.stores
        copies = [Copy(store, each.url) for store, each in stores.readable(image.locations)]
        reading = Reading(copies, image.size, 0, image.size, files=self._files, judge=stores.judge)
        blocks = _verified(reading.blocks(), image, on_progress)
        try:
            return await target.add(image.id, blocks, image.size, owner=image.owner)
        except store_errors.StoreError as error:
            log.warning("image %s was not copied to %s: %s", image.id, target.name, error)
            raise told(error, target.name) from error
        finally:
            await blocks.aclose()

    def _record(
        self, conn: Connection, image_id: str, store: str, stored: Stored, entry: str
    ) -> None:
        moment = now()
        if not images.update(conn, image_id, {"updated_at": moment}, only_if_status=_READABLE):
            raise GiveUp(f"Image {image_id} was deleted meanwhile.")
        locations.add(conn, image_id, Location(stored.url, {**stored.metadata, "store": store}))
        journal.close(conn, entry)

    async def _undo(self, image_id: str, entry: str, store: Store, error: BaseException) -> None:
        unclean = None if left_nothing(error.__cause__, store) else store
        try:
            async with asyncio.timeout(_CLEANING):
                await self._uploads.undo(image_id, entry, unclean)
        except (ImagestoreError, store_errors.StoreError, TimeoutError) as failure:
            log.error("image %s: undoing a copy has to wait: %r", image_id, failure)


def _image(conn: Connection, image_id: str) -> Image:
    row = images.get(conn, image_id)
    if row is None or row.image.status not in _READABLE or row.image.size is None:
        raise GiveUp("The image has no data any more.")
    return row.image


async def _verified(
    blocks: Blocks, image: Image, on_progress: Callable[[int], object] | None
) -> AsyncGenerator[Buffer, None]:
    """The blocks; an error in place of their end unless they are what the image's digest says."""
    algorithm, wanted = image.os_hash_algo, image.os_hash_value
    if wanted is None or algorithm not in hashlib.algorithms_available:
        algorithm, wanted = "md5", image.checksum
    digest = Digest(algorithm or "md5") if wanted is not None else None
    size = 0
    async for block in blocks:
        if digest is not None and not digest.lane.offer(block):
            await digest.lane.put(block)
        size += len(block)
        if on_progress is not None:
            on_progress(size)
        yield block
        del block
    if digest is not None and await digest.value() != wanted:
        raise Unavailable("The copy that was read is damaged.")
