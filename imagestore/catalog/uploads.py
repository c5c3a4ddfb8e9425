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

import logging
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Blocks, Capability, Store, Stored
from imagestore.catalog.access import require_writer
from imagestore.catalog.activation import Activation, put_back
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.intent import Intent
from imagestore.catalog.locations import refused_locations
from imagestore.catalog.operations import Operations
from imagestore.catalog.quotas import ProjectLimits
from imagestore.catalog.signatures import Signatures, signed
from imagestore.catalog.store_failures import as_upload_failure
from imagestore.database import images, journal
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.digest import Digest
from imagestore.model.errors import (
    Conflict,
    Gone,
    Invalid,
)
from imagestore.model.image import Image, ImageStatus
from imagestore.transfer.judgement import Verification, require_size
from imagestore.transfer.receive import Content, receive

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Claim:
    """An image in ``saving`` that this upload alone may finish."""

    image: Image
    entry: str
    limits: ProjectLimits | None
    failed: ImageStatus
    """What the image is to be if the upload fails."""


class Uploads(Operations):
    """The one operation that gives an image its bytes."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._signatures = Signatures(deps.settings.signatures)

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
        async with self._intents.intend() as intent:
            limits = await self._quotas.limits_of_owner(image_id)
            image = await self._database.select(self._authorised, caller, image_id)
            described = signed(image.properties)
            verification = await self._signatures.verification(
                described, token=token, project=caller.project_id
            )
            claim = await self._database.write(
                self._claim, intent, caller, image_id, size, target.name, limits, described, failed
            )
            intent.if_failed(partial(self._undo, target, claim))
            self._notify.image("image.update", claim.image)
            self._notify.preparing(claim.image, target.name)
            metered = self._quotas.metered(limits, claim.entry, source, size)
            content, stored = await self._receive(
                target, claim, metered, size, verification, checksum
            )
            await self._activations.within(
                self._database.write,
                Activation.activate,
                claim.image,
                content.attributes(),
                {target.name: stored},
                {target.name: claim.entry},
            )

    def _target(self, name: str | None) -> Store:
        if name is None or not self._stores.multiple:
            store = self._stores.default
        elif name in self._stores:
            store = self._stores.get(name)
        else:
            raise Invalid(f"There is no store '{name}'.")
        if Capability.WRITABLE not in store.capabilities:
            raise Gone(f"Store '{store.name}' is read-only.")
        return store

    def _authorised(self, conn: Connection, caller: Caller, image_id: str) -> Image:
        return self._access.find(conn, caller, image_id, "upload_image").image

    def _claim(
        self,
        conn: Connection,
        intent: Intent,
        caller: Caller,
        image_id: str,
        size: int | None,
        store: str,
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
        require_size(size or 0, cap)
        self._quotas.require_uploading(conn, limits)
        entry = intent.upload(conn, image_id, store)
        self._quotas.reserve(conn, limits, entry, size)
        moment = now()
        if not images.transition(
            conn, image_id, {ImageStatus.QUEUED}, ImageStatus.SAVING, updated_at=moment
        ):
            raise Conflict(f"Another upload of image {image_id} has begun.")
        refused_locations.forget(conn, image)
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

    async def _undo(self, store: Store, claim: _Claim, error: BaseException) -> None:
        image_id = claim.image.id
        self._notify.not_uploaded(image_id, store.name, error)
        back = partial(put_back, image_id=image_id, of=ImageStatus.SAVING, to=claim.failed)
        await self._intents.undo(claim.entry, image_id, store, error, back=back)
