"""Deletions: an image and its bytes go, or one copy of them, or everything stays as it was.

What is to go is hidden first, in one transaction with a journal row. Then its bytes
are removed, and that is recorded. A store that refuses (the bytes are in use) has everything
shown again. A store that does not answer may have removed them or not, so there is no way
back: the row stays, and :mod:`recovery` goes on until it is done.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Capability
from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports.unstaging import leave
from imagestore.catalog.intent import Intent
from imagestore.catalog.operations import Operations
from imagestore.catalog.store_failures import as_deletion_failure
from imagestore.config.store_sections import STAGING
from imagestore.database import images, journal, locations, pending_deletes
from imagestore.database.journal import Entry
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Forbidden, NotFound
from imagestore.model.image import Image, ImageStatus, Location

log = logging.getLogger(__name__)


class Deletions(Operations):
    """The operations that remove bytes: of an image, or of one of its copies."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._delayed = deps.settings.scrubber.delayed_delete

    async def delete(self, caller: Caller, image_id: str) -> None:
        """Remove the image and its data; its id stays taken for ever."""
        require_writer(caller)
        async with self._intents.intend() as intent:
            image, entry = await self._database.write(self._claim, intent, caller, image_id)
            if entry is not None:
                # The caller may go away; a deletion that has begun is carried to its end.
                await intent.to_its_end(self._carry_out(image, entry))
        kept = self._delayed and image.locations
        self._notify.deleted(image, "pending_delete" if kept else "deleted")
        if self._deps.cache is not None:
            # The other nodes see it by themselves; none serves it from now on.
            await self._deps.cache.drop(image_id)

    async def delete_from_store(self, caller: Caller, store: str, image_id: str) -> None:
        """Remove the copy of the image in ``store``; the last one is not removed."""
        require_writer(caller)
        if not self._stores.multiple:
            raise NotFound("This service has one store.")
        if store not in self._stores:
            raise Conflict(f"There is no store '{store}'.")
        async with self._intents.intend() as intent:
            removal = await self._database.write(self._claim_copy, intent, caller, image_id, store)
            await intent.to_its_end(self.carry_out_removal(image_id, *removal))

    async def remove_copy(
        self, image_id: str, store: str, may_go: Callable[[Connection, Image, Location], bool]
    ) -> bool:
        """Remove the copy in ``store`` for a worker; whether ``may_go``, asked in the
        transaction that hides it, allowed that. The last copy always stays."""

        def claim(conn: Connection) -> tuple[Location, str] | None:
            row = images.get(conn, image_id, locked=True)
            copy = None if row is None else self._copy_in(row.image, store)
            if row is None or copy is None or _is_last(copy, row.image):
                return None
            if row.image.status is not ImageStatus.ACTIVE or not may_go(conn, row.image, copy):
                return None
            return copy, self._hide_copy(conn, intent, image_id, copy)

        async with self._intents.intend() as intent:
            removal = await self._database.write(claim)
            if removal is not None:
                await intent.to_its_end(self.carry_out_removal(image_id, *removal))
        return removal is not None

    def _claim(
        self, conn: Connection, intent: Intent, caller: Caller, image_id: str
    ) -> tuple[Image, str | None]:
        """Delete an image without data at once; hide any other and open a journal row."""
        # Else an upload that ends meanwhile changes the status that is compared below.
        image = self._access.find(conn, caller, image_id, "delete_image", locked=True).image
        if image.protected:
            raise Forbidden(f"Image {image_id} is protected and cannot be deleted.")
        moment = now()
        if not image.locations:
            images.soft_delete(conn, image_id, moment, {image.status})
            leave(conn, image, self._deps.settings.server)
            return image, None
        if self._delayed:
            # Its bytes are for the scrubber.
            pending_deletes.delay(conn, image_id, moment, {image.status})
            return image, None
        images.transition(
            conn, image_id, {image.status}, ImageStatus.PENDING_DELETE, updated_at=moment
        )
        return image, intent.deletion(conn, image_id, image.status)

    def _claim_copy(
        self, conn: Connection, intent: Intent, caller: Caller, image_id: str, store: str
    ) -> tuple[Location, str]:
        """Hide the copy and open a journal row."""
        # Of two copies that are removed at once, one has to stay.
        images.lock(conn, image_id)
        rules = ("delete_image_location", "get_image_location")
        image = self._access.find(conn, caller, image_id, *rules).image
        if image.status is not ImageStatus.ACTIVE:
            raise Conflict(f"Image {image_id} is {image.status}; only active images have copies.")
        if len(image.locations) == 1:
            raise Forbidden("This is the only copy of the data. Delete the image instead.")
        copy = self._copy_in(image, store)
        if copy is None:
            raise NotFound(f"Image {image_id} is not in store '{store}'.")
        if _is_last(copy, image):
            if any(each.status == locations.UNVERIFIED for each in image.locations):
                raise Conflict("The other copies of the data are not verified yet; try later.")
            raise Forbidden("This is the only copy of the data that is whole.")
        return copy, self._hide_copy(conn, intent, image_id, copy)

    def _copy_in(self, image: Image, store: str) -> Location | None:
        stores = self._stores
        in_store = (each for each in image.locations if stores.of(each) is stores.get(store))
        copy = next(in_store, None)
        return None if copy is None or copy.id is None else copy

    def _hide_copy(self, conn: Connection, intent: Intent, image_id: str, copy: Location) -> str:
        images.update(conn, image_id, {"updated_at": now()})
        return self.claim(conn, intent, image_id, copy)

    def claim(self, conn: Connection, intent: Intent, image_id: str, copy: Location) -> str:
        """Hide a copy and open a journal row, whose id it is; :meth:`carry_out_removal` is to
        follow."""
        assert copy.id is not None
        store = self._stores.of(copy)
        locations.hide(conn, copy.id)
        return intent.removal(conn, image_id, store.name if store else "")

    async def _carry_out(self, image: Image, entry: str) -> None:
        try:
            await self._remove_data(image)
        except store_errors.StoreError as error:
            log.warning("image %s was not deleted: %s", image.id, error)
            await self._unless_open(error, _restore, image.id, image.status, entry)
            raise as_deletion_failure(error, image.id) from error
        await self._database.write(_finish, image.id, entry)

    async def carry_out_removal(self, image_id: str, copy: Location, entry: str) -> None:
        """Remove the bytes of a copy that is hidden, or show it again if they cannot be."""
        try:
            await self.remove_bytes(image_id, copy)
        except store_errors.StoreError as error:
            log.warning("a copy of image %s was not removed: %s", image_id, error)
            await self._unless_open(error, _restore_copy, copy, entry)
            raise as_deletion_failure(error, image_id) from error
        await self._database.write(_finish_copy, copy, entry)

    async def _unless_open(
        self, error: store_errors.StoreError, restore: Callable[..., None], *args: Any
    ) -> None:
        """``restore`` what the store has certainly kept."""
        if not isinstance(error, store_errors.Unavailable):
            await self._database.write(restore, *args)

    async def finish_deletion(self, entry: Entry) -> None:
        """Go on with the deletion of an image whose process has ended or met a dead store."""
        image_id = entry.image_id
        row = await self._database.select(images.get, image_id, include_pending_delete=True)
        if row is not None and row.image.status is ImageStatus.PENDING_DELETE:
            try:
                await self._remove_data(row.image)
            except store_errors.Busy:
                before = entry.image_status or ImageStatus.ACTIVE
                await self._database.write(_restore, image_id, before, entry.id)
                return
        await self._database.write(_finish, image_id, entry.id)

    async def finish_removal(self, entry: Entry) -> None:
        """Go on with the removal of copies whose process has ended or met a dead store."""
        for copy in await self._database.read(locations.select_hidden, entry.image_id):
            store = self._stores.of(copy)
            if store is not None and store.name != entry.store:
                continue
            try:
                await self.remove_bytes(entry.image_id, copy)
            except store_errors.Busy:
                await self._database.write(_restore_copy, copy, entry.id)
                return
            await self._database.write(_finish_copy, copy, entry.id)
        await self._database.write(journal.close, entry.id)

    async def _remove_data(self, image: Image) -> None:
        """Remove every copy, one after the other."""
        for location in image.locations:
            await self.remove_bytes(image.id, location)
            if location.id is not None:
                await self._database.write(locations.remove, location.id)
        if self._stores.has_reserved(STAGING):
            # Glance may have left something there of an image that has long been active. What is
            # not removed now, or lies on another node, the search for orphans finds.
            with contextlib.suppress(store_errors.StoreError):
                await self._stores.reserved(STAGING).discard(image.id)

    async def remove_bytes(self, image_id: str, location: Location) -> None:
        """Remove the bytes. Missing ones are no error; a read-only store keeps them."""
        store = self._stores.of(location)
        if store is None:
            log.error("image %s: no store for location %s", image_id, location.url)
            return
        if Capability.EXTERNAL in store.capabilities:
            return
        try:
            await store.delete(location.url)
        except store_errors.NotFound:
            log.warning("image %s: a copy in %s was missing", image_id, store.name)
        except store_errors.ReadOnly:
            log.warning("image %s: its data stays in %s, which is read-only", image_id, store.name)


def _is_last(copy: Location, image: Image) -> bool:
    """Whether without it nothing would be left that can be read."""
    others = [each for each in image.locations if each.id != copy.id]
    whole = any(each.status == "active" for each in others)
    return not others or (copy.status == "active" and not whole)


def _finish(conn: Connection, image_id: str, entry: str) -> None:
    """The data is gone: so is the image."""
    images.soft_delete(conn, image_id, now(), {ImageStatus.PENDING_DELETE})
    journal.close(conn, entry)


def _restore(conn: Connection, image_id: str, status: ImageStatus, entry: str) -> None:
    """The data could not be removed: the image is as it was before."""
    images.transition(conn, image_id, {ImageStatus.PENDING_DELETE}, status, updated_at=now())
    journal.close(conn, entry)


def _finish_copy(conn: Connection, copy: Location, entry: str) -> None:
    assert copy.id is not None
    locations.finish(conn, copy.id)
    journal.close(conn, entry)


def _restore_copy(conn: Connection, copy: Location, entry: str) -> None:
    assert copy.id is not None
    locations.unhide(conn, copy.id)
    journal.close(conn, entry)
