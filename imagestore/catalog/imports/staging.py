"""Staged bytes: sent ahead of the import that makes them an image's data.

They lie in a directory of the node that received them (``os_glance_staging_store``), or of
all nodes if that is a shared one. A node that is known by a ``worker_self_reference_url`` keeps
to itself what it has staged: whatever is to be done with it is a job of a kind of
that node's own, which no other node claims.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Blocks, Store
from imagestore.catalog.access import require_writer
from imagestore.catalog.activation import Activation, put_back
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports import progress
from imagestore.catalog.imports.unstaging import UNSTAGE, host_key, unstage
from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.intent import Intent, close, complete
from imagestore.catalog.jobs import PATIENT, JobKind, Jobs, Work
from imagestore.catalog.locations import refused_locations
from imagestore.catalog.operations import Operations
from imagestore.catalog.quotas import ProjectLimits
from imagestore.catalog.store_failures import as_upload_failure
from imagestore.config.store_sections import STAGING
from imagestore.database import images, jobs, journal
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Gone, NotFound, Unavailable
from imagestore.model.image import Image, ImageStatus
from imagestore.model.job import ACTIVE
from imagestore.transfer.judgement import require_size

log = logging.getLogger(__name__)

_CLEANING = 10.0
"""Seconds that a client waits for what is left of earlier staged bytes to be removed."""


class Staging(Operations):
    """Takes bytes in, gives them to the import, and removes them."""

    def __init__(self, deps: Dependencies, jobs_: Jobs, hold: Hold) -> None:
        super().__init__(deps)
        self._jobs = jobs_
        self._hold = hold
        self._url = deps.settings.server.worker_self_reference_url
        self.host = host_key(self._url)
        jobs_.register(JobKind(UNSTAGE + self.host, self._unstage, attempts=PATIENT))

    @property
    def store(self) -> Store:
        return self._stores.reserved(STAGING)

    async def stage(
        self, caller: Caller, image_id: str, source: Blocks, *, size: int | None = None
    ) -> None:
        """Read ``source`` to its end and keep it until an import makes it the image's data."""
        require_writer(caller)
        # Before anything tells what is done with an image that this caller may not know of.
        await self._database.read(self._find, caller, image_id)
        await self._until_removed(image_id)
        async with self._intents.intend() as intent:
            limits = await self._quotas.limits_of_owner(image_id)
            entry = await self._activations.within(
                self._database.write, self._claim, intent, caller, image_id, size, limits
            )
            intent.if_failed(lambda _: self.undo(image_id, entry, self._name))
            metered = self._quotas.metered(limits, entry, source, size, staged=True)
            stored = await self._add(image_id, metered, size)
            await self._activations.within(
                self._database.write, self._finish, image_id, stored, entry
            )

    @contextlib.asynccontextmanager
    async def open(self, image_id: str) -> AsyncIterator[tuple[int, Blocks]]:
        """Size and bytes of what was staged; :class:`NotFound` if it is not here."""
        store = self.store
        for place in sorted(store.places()):
            url = f"{place}/{image_id}"
            try:
                size = await store.size(url)
            except (store_errors.NotFound, store_errors.InvalidLocation):
                continue
            async with store.open(url) as blocks:
                yield size, blocks
            return
        raise NotFound("The staged data is gone.")

    async def _until_removed(self, image_id: str) -> None:
        """What was staged for the image before may still be on its way out."""

        def is_leaving(conn: Connection) -> bool:
            kind = UNSTAGE + self.host
            return bool(jobs.select_jobs(conn, states=ACTIVE, kind=kind, image_id=image_id))

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLEANING):
                while await self._database.read(is_leaving):
                    self._jobs.wake()
                    await asyncio.sleep(0.05)
                return
        raise Conflict("The data that was staged before is not removed yet.")

    def _find(self, conn: Connection, caller: Caller, image_id: str) -> Image:
        """The image, if the caller may give it data."""
        return self._access.find(conn, caller, image_id, "modify_image").image

    def _claim(
        self,
        activation: Activation,
        intent: Intent,
        caller: Caller,
        image_id: str,
        size: int | None,
        limits: ProjectLimits | None,
    ) -> str:
        conn = activation.conn
        image = self._find(conn, caller, image_id)
        if image.status is not ImageStatus.QUEUED:
            raise Conflict(
                f"Image status transition from {image.status} to uploading is not allowed"
            )
        if journal.is_busy(conn, image_id, self._name):
            raise Conflict("What was staged for this image before is not removed yet.")
        self._quotas.require_uploading(conn, limits)
        cap = self._deps.settings.limits.image_size_cap
        require_size(size or 0, cap)
        self._quotas.require_size(conn, limits, 1)
        if not images.transition(
            conn, image_id, {ImageStatus.QUEUED}, ImageStatus.UPLOADING, updated_at=now()
        ):
            raise Conflict(f"Another upload of image {image_id} has begun.")
        refused_locations.forget(conn, image)
        activation.updated(image_id)
        entry = intent.upload(conn, image_id, self._name)
        self._quotas.reserve(conn, limits, entry, size, staged=True)
        return entry

    async def _add(self, image_id: str, source: Blocks, size: int | None) -> int:
        cap = self._deps.settings.limits.image_size_cap
        try:
            stored = await self.store.add(image_id, _within(source, cap), size)
        except store_errors.StoreError as error:
            log.warning("data of image %s could not be staged: %s", image_id, error)
            raise as_upload_failure(error, STAGING) from error
        return stored.size

    def _finish(self, activation: Activation, image_id: str, size: int, entry: str) -> None:
        conn = activation.conn
        if not images.update(
            conn,
            image_id,
            {"size": size, "updated_at": now()},
            only_if_status={ImageStatus.UPLOADING},
        ):
            raise Gone(f"Image {image_id} was deleted meanwhile.")
        row = images.get(conn, image_id)
        if self._url and row is not None:
            progress.set_stage_host(conn, row.image, self._url)
        activation.updated(image_id)
        if not complete(conn, entry):
            raise Unavailable(f"What was staged of image {image_id} was taken for left behind.")

    @property
    def _name(self) -> str:
        """Of the place in the journal: other nodes must not look for it in their own."""
        return STAGING + self.host

    async def undo(self, image_id: str, entry: str, place: str) -> None:
        """What was being staged at ``place`` goes; the image is queued again."""
        back = partial(put_back, image_id=image_id, of=ImageStatus.UPLOADING)
        if place == self._name:
            await self._intents.undo(entry, image_id, self.store, back=back)
            return

        def leave_to_its_node(conn: Connection) -> None:
            back(conn)
            if close(conn, entry):
                jobs.enqueue(conn, unstage(place.removeprefix(STAGING), image_id), now())

        await self._database.write(leave_to_its_node)

    async def _unstage(self, work: Work) -> None:
        """Handler: remove what was staged for an image."""
        image_id = work.job.image_id
        assert image_id is not None
        if await self._hold.is_on():
            raise Unavailable("It stays until 'imagestore db release'.")
        await self.store.discard(image_id)


async def _within(source: Blocks, cap: int) -> Blocks:
    size = 0
    async for block in source:
        size += len(block)
        require_size(size, cap)
        yield block
        del block
