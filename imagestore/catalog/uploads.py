"""Uploads: bytes become the data of a queued image.

The order is the law: the image is claimed by compare-and-swap and a journal row
written in one transaction; only then do bytes go into a store; size, digests,
location and the status ``active`` are recorded in one transaction that also
closes the journal row. Whatever breaks in between puts the image back to
``queued`` and leaves nothing in the store, at the latest when :mod:`recovery`
finds the journal row.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Blocks, Capability, Store
from imagestore.catalog.access import Access, require_writer
from imagestore.catalog.parts import Parts, now
from imagestore.database import images, journal, locations
from imagestore.errors import (
    Conflict,
    Gone,
    ImagestoreError,
    Invalid,
    OverLimit,
    Unavailable,
)
from imagestore.identity.caller import Caller
from imagestore.image import Image, ImageStatus, Location
from imagestore.transfer.receive import Received, receive

log = logging.getLogger(__name__)

_NO_DATA: Mapping[str, None] = {"size": None, "virtual_size": None}


@dataclass(frozen=True, slots=True)
class _Claim:
    """An image in ``saving`` that this upload alone may finish."""

    image: Image
    entry: str
    size_cap: int


class Uploads:
    """The one operation that gives an image its bytes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database
        self._access = Access(parts.policy)
        self.under_way: set[str] = set()
        """Journal rows of this process that are not left behind."""

    async def upload(
        self,
        caller: Caller,
        image_id: str,
        source: Blocks,
        *,
        size: int | None = None,
        store: str | None = None,
    ) -> None:
        """Read ``source`` to its end and make it the data of the image.

        ``size``: the bytes to expect, if the client said so. ``store``: the id of
        the store to write to, else the default one.
        """
        require_writer(caller)
        target = self._target(store)
        entry = journal.new_entry()
        # Known before the row exists, or recovery could take it for left behind.
        self.under_way.add(entry)
        try:
            claim = await self._database.write(
                self._claim, caller, image_id, size, target.name, entry
            )
            try:
                received = await self._receive(target, claim, source, size)
                await self._finish(target, claim, received)
            except BaseException:
                # A client that goes away cancels this task; the clean-up must not go with it.
                await asyncio.shield(self._abandon(claim))
                raise
        finally:
            self.under_way.discard(entry)

    def _target(self, name: str | None) -> Store:
        stores = self._parts.stores
        if name is None or not stores.multiple:
            store = stores.default
        elif name in stores:
            store = stores.get(name)
        else:
            raise Invalid(f"There is no store '{name}'.")
        if Capability.WRITABLE not in store.capabilities:
            raise Gone(f"Store '{store.name}' is read-only.")
        return store

    def _claim(
        self,
        conn: Connection,
        caller: Caller,
        image_id: str,
        size: int | None,
        store: str,
        entry: str,
    ) -> _Claim:
        row = self._access.find(conn, caller, image_id)
        self._access.require("upload_image", caller, row)
        image = row.image
        if image.status is not ImageStatus.QUEUED:
            raise Conflict(f"Image status transition from {image.status} to saving is not allowed")
        if image.disk_format is None or image.container_format is None:
            raise Invalid("disk_format and container_format must be set before data is uploaded.")
        cap = self._size_cap(conn, image)
        if size is not None and size > cap:
            raise OverLimit(f"The image may have {cap} bytes at most, {size} were announced.")
        moment = now()
        if not images.transition(
            conn, image_id, {ImageStatus.QUEUED}, ImageStatus.SAVING, updated_at=moment
        ):
            raise Conflict(f"Another upload of image {image_id} has begun.")
        journal.open_upload(conn, entry, image_id, store, self._parts.owner, moment)
        return _Claim(image, entry, cap)

    def _size_cap(self, conn: Connection, image: Image) -> int:
        limits = self._parts.settings.limits
        if limits.user_storage_quota <= 0 or image.owner is None:
            return limits.image_size_cap
        left = limits.user_storage_quota - images.usage(conn, image.owner)
        if left <= 0:
            raise OverLimit("The storage quota of the project is used up.")
        return min(limits.image_size_cap, left)

    async def _receive(
        self, store: Store, claim: _Claim, source: Blocks, size: int | None
    ) -> Received:
        image_id = claim.image.id
        try:
            return await receive(
                store,
                claim.image,
                source,
                size=size,
                size_cap=claim.size_cap,
                settings=self._parts.settings.images,
            )
        except store_errors.StoreError as error:
            log.warning("upload of image %s failed: %s", image_id, error)
            raise _told(error, store.name) from error

    async def _finish(self, store: Store, claim: _Claim, received: Received) -> None:
        metadata = dict(received.metadata)
        if self._parts.stores.multiple:
            metadata["store"] = store.name
        location = Location(received.url, metadata)
        try:
            await self._database.write(self._activate, claim, location, received)
        except BaseException:
            await asyncio.shield(_remove(store, received.url))
            raise

    def _activate(
        self, conn: Connection, claim: _Claim, location: Location, received: Received
    ) -> None:
        image_id = claim.image.id
        active = images.transition(
            conn,
            image_id,
            {ImageStatus.SAVING},
            ImageStatus.ACTIVE,
            size=received.size,
            virtual_size=received.virtual_size,
            checksum=received.checksum,
            os_hash_algo=received.os_hash_algo,
            os_hash_value=received.os_hash_value,
            updated_at=now(),
        )
        if not active:
            raise Gone(f"Image {image_id} was deleted during the upload.")
        locations.add(conn, image_id, location)
        journal.close(conn, claim.entry)

    async def _abandon(self, claim: _Claim) -> None:
        try:
            await self._database.write(release, claim.image.id, claim.entry)
        except ImagestoreError as error:
            # The journal row stays, so recovery will do it when the database is back.
            log.error("image %s could not be released: %s", claim.image.id, error)


def release(conn: Connection, image_id: str, entry: str) -> None:
    """Put an image whose upload failed back to ``queued`` and close the journal row."""
    images.transition(
        conn, image_id, {ImageStatus.SAVING}, ImageStatus.QUEUED, updated_at=now(), **_NO_DATA
    )
    journal.close(conn, entry)


async def _remove(store: Store, url: str) -> None:
    try:
        await store.delete(url)
    except store_errors.NotFound:
        pass
    except store_errors.StoreError as error:
        log.error("%s stays until recovery removes it: %s", url, error)


def _told(error: store_errors.StoreError, store: str) -> ImagestoreError:
    """What the caller is told; paths and hosts of the store stay in the log."""
    match error:
        case store_errors.Full():
            return OverLimit(f"Store '{store}' has no room for this image.")
        case store_errors.WrongSize():
            return Invalid("The data is not as long as was announced.")
        case store_errors.Exists():
            return Conflict(f"Store '{store}' already holds data for this image.")
    return Unavailable(f"Store '{store}' cannot be written to at the moment.")
