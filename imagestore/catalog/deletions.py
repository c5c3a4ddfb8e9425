"""Deletions: an image and its bytes go, or the image stays as it was."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Capability
from imagestore.catalog.access import Access, not_found, require_writer
from imagestore.catalog.parts import Parts, now
from imagestore.database import images, journal, locations
from imagestore.errors import Conflict, Forbidden, Unavailable
from imagestore.identity.caller import Caller
from imagestore.image import Image, ImageStatus

log = logging.getLogger(__name__)


class Deletions:
    """The one operation that removes an image."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database
        self._access = Access(parts.policy)
        self.under_way: set[str] = set()
        """Journal rows of this process that are not left behind."""

    async def delete(self, caller: Caller, image_id: str) -> None:
        """Remove the image and its data; its id stays taken for ever."""
        require_writer(caller)
        entry = journal.new_entry()
        # Known before the row exists, or recovery could take it for left behind.
        self.under_way.add(entry)
        try:
            image = await self._database.write(self._claim, caller, image_id, entry)
            if image.locations:
                # The caller may go away; a deletion that has begun is carried to its end.
                await asyncio.shield(self._carry_out(image, entry))
        finally:
            self.under_way.discard(entry)

    def _claim(self, conn: Connection, caller: Caller, image_id: str, entry: str) -> Image:
        """Delete an image without data at once; hide any other and open a journal row."""
        row = self._access.find(conn, caller, image_id)
        self._access.require("delete_image", caller, row)
        image = row.image
        if image.protected:
            raise Forbidden(f"Image {image_id} is protected and cannot be deleted.")
        moment = now()
        if not image.locations:
            if not images.soft_delete(conn, image_id, moment, {image.status}):
                raise not_found(image_id)
            return image
        if not images.transition(
            conn, image_id, {image.status}, ImageStatus.PENDING_DELETE, updated_at=moment
        ):
            raise not_found(image_id)
        journal.open_deletion(conn, entry, image_id, image.status, self._parts.owner, moment)
        return image

    async def _carry_out(self, image: Image, entry: str) -> None:
        try:
            await self.remove_data(image)
        except store_errors.StoreError as error:
            log.warning("image %s was not deleted: %s", image.id, error)
            await self._database.write(restore, image.id, image.status, entry)
            if isinstance(error, store_errors.Busy):
                raise Conflict(f"The data of image {image.id} is in use.") from error
            raise Unavailable(f"A store of image {image.id} does not answer.") from error
        await self._database.write(finish, image.id, entry)

    async def remove_data(self, image: Image) -> None:
        """Remove every copy that is ours. One that is missing already is no error."""
        for location in image.locations:
            store = self._parts.stores.of(location)
            if store is None:
                log.error("image %s: no store for location %s", image.id, location.url)
                continue
            if Capability.EXTERNAL not in store.capabilities:
                try:
                    await store.delete(location.url)
                except store_errors.NotFound:
                    log.warning("image %s: a copy in %s was missing", image.id, store.name)
            if location.id is not None:
                await self._database.write(locations.remove, location.id)


def finish(conn: Connection, image_id: str, entry: str) -> None:
    """The data is gone: so is the image."""
    images.soft_delete(conn, image_id, now(), {ImageStatus.PENDING_DELETE})
    journal.close(conn, entry)


def restore(conn: Connection, image_id: str, status: ImageStatus, entry: str) -> None:
    """The data could not be removed: the image is as it was before."""
    images.transition(conn, image_id, {ImageStatus.PENDING_DELETE}, status, updated_at=now())
    journal.close(conn, entry)
