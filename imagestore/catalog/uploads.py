"""Uploads: bytes become the data of a queued image.

The order is the law: the image is claimed by compare-and-swap and a journal row
written in one transaction; only then do bytes go into a store; size, digests,
location and the status ``active`` are recorded in one transaction that also
closes the journal row. Whatever breaks in between puts the image back to
``queued`` and leaves nothing in the store. Where the store cannot be cleaned at once, the
journal row stays, and with it the way into that store shut for the image, until
:mod:`recovery` has done it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Blocks, Capability, Store, Stored
from imagestore.catalog.access import Access, require_writer
from imagestore.catalog.copies.placements import Placements
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.locations import refused_locations
from imagestore.catalog.notifications import Notifications
from imagestore.catalog.quotas import ProjectLimits
from imagestore.catalog.signatures import Signatures, signed
from imagestore.database import images, journal, locations, quotas
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.digest import Digest
from imagestore.model.errors import (
    Conflict,
    Gone,
    ImagestoreError,
    Invalid,
    OverLimit,
    Unavailable,
)
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.transfer.receive import Content, Verification, receive

log = logging.getLogger(__name__)

_CLEANING = 10.0
"""Seconds that a client whose upload failed waits for the store to be cleaned."""

_NO_DATA: Mapping[str, None] = {"size": None, "virtual_size": None}


@dataclass(frozen=True, slots=True)
class _Claim:
    """An image in ``saving`` that this upload alone may finish."""

    image: Image
    entry: str
    limits: ProjectLimits | None
    failed: ImageStatus
    """What the image is to be if the upload fails."""


class Uploads:
    """The one operation that gives an image its bytes."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._database = deps.database
        self._quotas = deps.quotas
        self._signatures = Signatures(deps.settings.signatures)
        self._access = Access(deps.policy)
        self._placements = Placements(deps)
        self._notify = Notifications(deps.notifier)
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
        token: str | None = None,
        checksum: Digest | None = None,
        failed: ImageStatus = ImageStatus.QUEUED,
    ) -> None:
        """Read ``source`` to its end and make it the data of the image.

        ``size``: the bytes to expect, if the client said so. ``store``: the id of
        the store to write to, else the default one.
        ``token``: the caller's, to ask the key manager with if the image is signed.
        ``checksum``: the MD5 that the data has to have, if the client said so.
        ``failed``: what the image is after an upload that has begun and failed.
        """
        require_writer(caller)
        target = self._target(store)
        entry = journal.new_entry()
        # Known before the row exists, or recovery could take it for left behind.
        self.under_way.add(entry)
        try:
            limits = await self._quotas.limits_of_owner(image_id)
            image = await self._database.read(self._authorised, caller, image_id)
            described = signed(image.properties)
            verification = None
            if described is not None:
                verification = await self._signatures.verification(
                    described, token=token, project=caller.project_id
                )
            claim = await self._database.write(
                self._claim, caller, image_id, size, target.name, entry, limits, described, failed
            )
            self._notify.preparing(claim.image, target.name)
            try:
                metered = self._quotas.metered(limits, entry, source, size)
                content, stored = await self._receive(
                    target, claim, metered, size, verification, checksum
                )
                await self._finish(target, claim, content, stored)
            except BaseException as error:
                self._notify.not_uploaded(f"Image {image_id} was not uploaded: {_reason(error)}")
                # A client that goes away cancels this task; the clean-up must not go with it.
                await asyncio.shield(self._abandon(target, claim, error))
                raise
            self._notify.uploaded(_filled(claim.image, content))
        finally:
            self.under_way.discard(entry)

    def _target(self, name: str | None) -> Store:
        stores = self._deps.stores
        if name is None or not stores.multiple:
            store = stores.default
        elif name in stores:
            store = stores.get(name)
        else:
            raise Invalid(f"There is no store '{name}'.")
        if Capability.WRITABLE not in store.capabilities:
            raise Gone(f"Store '{store.name}' is read-only.")
        return store

    def _authorised(self, conn: Connection, caller: Caller, image_id: str) -> Image:
        row = self._access.find(conn, caller, image_id)
        self._access.require("upload_image", caller, row)
        return row.image

    def _claim(
        self,
        conn: Connection,
        caller: Caller,
        image_id: str,
        size: int | None,
        store: str,
        entry: str,
        limits: ProjectLimits | None,
        described: dict[str, str] | None,
        failed: ImageStatus,
    ) -> _Claim:
        image = self._authorised(conn, caller, image_id)
        if signed(image.properties) != described:
            raise Conflict(f"The signature of image {image_id} has changed meanwhile; try again.")
        if image.status is not ImageStatus.QUEUED:
            raise Conflict(f"Image status transition from {image.status} to saving is not allowed")
        if image.disk_format is None or image.container_format is None:
            raise Invalid("disk_format and container_format must be set before data is uploaded.")
        if journal.is_busy(conn, image_id, store):
            raise Conflict(f"What an earlier upload left in store '{store}' is not removed yet.")
        cap = self._deps.settings.limits.image_size_cap
        if size is not None and size > cap:
            raise OverLimit(f"The image may have {cap} bytes at most, {size} were announced.")
        self._quotas.require_uploading(conn, limits)
        self._quotas.reserve(conn, limits, entry, size)
        moment = now()
        if not images.transition(
            conn, image_id, {ImageStatus.QUEUED}, ImageStatus.SAVING, updated_at=moment
        ):
            raise Conflict(f"Another upload of image {image_id} has begun.")
        refused_locations.forget(conn, image)
        journal.open_upload(conn, entry, image_id, store, self._deps.owner, moment)
        image.status, image.updated_at = ImageStatus.SAVING, moment
        return _Claim(image, entry, limits, failed)

    async def _receive(
        self,
        store: Store,
        claim: _Claim,
        source: Blocks,
        size: int | None,
        verification: Verification | None,
        checksum: Digest | None,
    ) -> tuple[Content, Stored]:
        image_id = claim.image.id
        try:
            return await receive(
                store,
                claim.image,
                source,
                size=size,
                size_cap=self._deps.settings.limits.image_size_cap,
                settings=self._deps.settings.images,
                verification=verification,
                checksum=checksum,
            )
        except store_errors.StoreError as error:
            log.warning("upload of image %s failed: %s", image_id, error)
            raise as_upload_failure(error, store.name) from error

    async def _finish(self, store: Store, claim: _Claim, content: Content, stored: Stored) -> None:
        metadata = dict(stored.metadata)
        if self._deps.stores.multiple:
            metadata["store"] = store.name
        location = Location(stored.url, metadata)
        await self._database.write(self._activate, claim, location, content)

    def _activate(
        self, conn: Connection, claim: _Claim, location: Location, content: Content
    ) -> None:
        image_id = claim.image.id
        active = images.transition(
            conn,
            image_id,
            {ImageStatus.SAVING},
            ImageStatus.ACTIVE,
            **content.attributes(),
            updated_at=now(),
        )
        if not active:
            raise Gone(f"Image {image_id} was deleted during the upload.")
        locations.add(conn, image_id, location)
        close(conn, claim.entry)
        self._placements.follow(conn, image_id)

    async def _abandon(self, store: Store, claim: _Claim, error: BaseException) -> None:
        try:
            async with asyncio.timeout(_CLEANING):
                unclean = None if left_nothing(error.__cause__, store) else store
                await self.undo(claim.image.id, claim.entry, unclean, claim.failed)
        except (ImagestoreError, store_errors.StoreError, TimeoutError) as failure:
            log.error("image %s: undoing an upload has to wait: %r", claim.image.id, failure)

    async def undo(
        self,
        image_id: str,
        entry: str,
        store: Store | None,
        to: ImageStatus = ImageStatus.QUEUED,
    ) -> None:
        """Put the image back to ``to``, remove its bytes from ``store``, close the row.

        Does nothing if the upload was recorded after all. Raises what store and database
        raise; the row stays then, and this may be called again.
        """
        if not await self._database.write(_put_back, image_id, entry, to):
            return
        image = await self._database.read(in_any_status, image_id)
        if store is not None and not self._is_in(store, image):
            # That of an image which was deleted meanwhile, too: its account has what is left.
            owner = await self._database.read(images.owner_of, image_id)
            await store.discard(image_id, owner=owner)
        await self._database.write(close, entry)

    def _is_in(self, store: Store, image: Image | None) -> bool:
        locations_ = image.locations if image else ()
        return any(self._deps.stores.of(location) is store for location in locations_)


def _filled(image: Image, content: Content) -> Image:
    """The image as it is recorded with what was received."""
    return replace(image, status=ImageStatus.ACTIVE, updated_at=now(), **content.attributes())


def _reason(error: BaseException) -> str:
    return error.message if isinstance(error, ImagestoreError) else type(error).__name__


def left_nothing(cause: BaseException | None, store: Store) -> bool:
    """Whether the store has certainly nothing of the upload: it was not asked, or is not free.

    What was there before the upload is not for it to remove.
    """
    kinds = (store_errors.Exists, store_errors.Refused)
    return isinstance(cause, kinds) and cause.store == store.name


def close(conn: Connection, entry: str) -> None:
    journal.close(conn, entry)
    quotas.release(conn, entry)


def _put_back(conn: Connection, image_id: str, entry: str, to: ImageStatus) -> bool:
    """Undo the claim; whether the upload is still to be undone.

    The status is compared first: once this has won, the upload can no longer be recorded.
    """
    images.transition(conn, image_id, {ImageStatus.SAVING}, to, updated_at=now(), **_NO_DATA)
    return journal.is_open(conn, entry)


def in_any_status(conn: Connection, image_id: str) -> Image | None:
    """The image, also while it is being deleted; None if it is gone."""
    row = images.get(conn, image_id, include_pending_delete=True)
    return row.image if row else None


def as_upload_failure(error: store_errors.StoreError, store: str) -> ImagestoreError:
    """What the caller is told; paths and hosts of the store stay in the log."""
    match error:
        case store_errors.Full():
            return OverLimit(f"Store '{store}' has no room for this image.")
        case store_errors.WrongSize():
            return Invalid("The data is not as long as was announced.")
        case store_errors.Exists():
            return Conflict(f"Store '{store}' already holds data for this image.")
    return Unavailable(f"Store '{store}' cannot be written to at the moment.")
