"""The import itself, as a job: from a source into all stores in one pass, or from store to store.

Before bytes go into a store, a journal row says so, as for an upload. Size, digests,
locations, the status ``active`` and the success of the task are recorded in one transaction.
Whatever breaks in between leaves nothing in any store; the job is tried again, or the image is
put back to what it was, with the reason in the task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Store
from imagestore.catalog.copies import Copies
from imagestore.catalog.imports import progress
from imagestore.catalog.imports.copying import Copying
from imagestore.catalog.imports.plugins import Plugins
from imagestore.catalog.imports.sources import Source, SourceAway, Sources
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.imports.unstaging import IMPORT, unstage
from imagestore.catalog.jobs import GiveUp, Jobs, Kind, Work
from imagestore.catalog.parts import Parts, now
from imagestore.catalog.quotas import ProjectLimits
from imagestore.catalog.recovery import Recovery
from imagestore.catalog.signatures import Signatures, signed
from imagestore.catalog.uploads import Uploads, close, left_nothing, told
from imagestore.catalog.wishes import Wishes
from imagestore.database import images, jobs, journal, locations, tasks
from imagestore.errors import ImagestoreError
from imagestore.image import Image, ImageStatus, Location
from imagestore.import_request import Method, Order
from imagestore.job import Job
from imagestore.task import TaskStatus
from imagestore.transfer.fan_out import FannedOut, fan_out

log = logging.getLogger(__name__)

SOURCE_ATTEMPTS = 4
"""Attempts with a source that does not answer: somebody waits for this import."""
_CLEANING = 30.0
"""Seconds that the stores are given to remove what was written, before it has to wait."""


class Running:
    """The handler of import jobs."""

    def __init__(
        self,
        parts: Parts,
        uploads: Uploads,
        staging: Staging,
        sources: Sources,
        recovery: Recovery,
        copies: Copies,
        jobs_: Jobs,
    ) -> None:
        self._parts = parts
        self._database = parts.database
        self._uploads = uploads
        self._sources = sources
        self._recovery = recovery
        self._jobs = jobs_
        self._kept = timedelta(hours=parts.settings.jobs.time_to_live)
        self._quotas = parts.quotas
        self._signatures = Signatures(parts.settings.signatures)
        self._wishes = Wishes(parts)
        self._plugins = Plugins(parts.settings.imports)
        self._copying = Copying(parts, copies, recovery, self._kept)
        for name in {IMPORT, IMPORT + staging.host}:
            jobs_.register(Kind(name, self._run, self._abandoned, awaited=True))

    async def _run(self, work: Work) -> None:
        order = Order.of(work.job.payload)
        image_id = work.job.image_id
        assert image_id is not None
        if order.method is Method.COPY_IMAGE:
            await self._copying.run(work, image_id, order)
            return
        await self._recovery.clear(image_id)
        image = await work.write(self._begin, image_id, order)
        if image is None:
            return
        entries = {journal.new_entry(): name for name in order.stores}
        self._uploads.under_way.update(entries)
        try:
            limits = await self._quotas.limits(image.owner)
            cap = await work.write(self._open, image, limits, entries)
            try:
                await self._transfer(work, image, order, entries, cap, limits)
            except BaseException as error:
                await asyncio.shield(self._undo(image, entries, error))
                raise
        except SourceAway as error:
            if work.job.attempts >= SOURCE_ATTEMPTS:
                raise GiveUp(error.message) from error
            raise
        finally:
            self._uploads.under_way.difference_update(entries)
        self._jobs.wake()

    def _begin(self, conn: Connection, image_id: str, order: Order) -> Image | None:
        """The image, if it is still to be imported; None if an earlier attempt was recorded."""
        task = tasks.get(conn, order.task)
        if task is not None and task.status is TaskStatus.SUCCESS:
            return None
        row = images.get(conn, image_id)
        if (
            row is None
            or row.image.status is not ImageStatus.IMPORTING
            or row.image.properties.get(progress.TASK) != order.task
        ):
            raise GiveUp("The image is not there any more.")
        tasks.set_status(conn, order.task, TaskStatus.PROCESSING, now())
        return row.image

    def _open(
        self,
        conn: Connection,
        image: Image,
        limits: ProjectLimits | None,
        entries: Mapping[str, str],
    ) -> int:
        """Say in the journal where bytes are about to go; how many those may be."""
        moment = now()
        cap = self._quotas.size_cap(conn, limits)
        for entry, store in entries.items():
            journal.open_upload(conn, entry, image.id, store, self._parts.owner, moment)
            self._quotas.reserve(conn, limits, entry, image.size)
        return cap

    async def _transfer(
        self,
        work: Work,
        image: Image,
        order: Order,
        entries: Mapping[str, str],
        cap: int,
        limits: ProjectLimits | None,
    ) -> None:
        stores = [self._store(name) for name in order.stores]
        async with self._sources.open(image.id, order, cap) as source:
            work.progress(0, source.size)
            stored = self._plugins.transform(image, source)
            if image.size is None and stored.size is not None:
                await self._quotas.fix(limits, entries, stored.size)
            for entry in entries:  # each copy counts
                metered = self._quotas.metered(limits, entry, stored.blocks, stored.size)
                stored = replace(stored, blocks=metered)
            fanned = await self._fan_out(work, image, order, stores, stored, cap)
        if fanned.failed:
            failed = {entry: name for entry, name in entries.items() if name in fanned.failed}
            for entry, name in failed.items():
                await self._undo(image, {entry: name}, fanned.failed[name])
        await work.write(self._activate, image, order, fanned, list(entries))

    async def _fan_out(
        self,
        work: Work,
        image: Image,
        order: Order,
        stores: list[Store],
        source: Source,
        cap: int,
    ) -> FannedOut:
        described = signed(image.properties)
        verification = None
        if described is not None:
            # Without the caller's token: the key manager has to be asked with the service's own.
            verification = await self._signatures.verification(
                described, token=None, project=image.owner
            )
        try:
            return await fan_out(
                stores,
                image,
                source.blocks,
                settings=self._parts.settings.images,
                size=source.size,
                size_cap=cap,
                all_must_succeed=order.all_must_succeed,
                on_progress=work.progress,
                verification=verification,
            )
        except store_errors.StoreError as error:
            log.warning("import of image %s failed: %s", image.id, error)
            raise told(error, error.store) from error

    def _store(self, name: str) -> Store:
        if name not in self._parts.stores:
            raise GiveUp(f"There is no store '{name}' any more.")
        return self._parts.stores.get(name)

    def _activate(
        self,
        conn: Connection,
        image: Image,
        order: Order,
        fanned: FannedOut,
        entries: list[str],
    ) -> None:
        moment = now()
        active = images.transition(
            conn,
            image.id,
            {ImageStatus.IMPORTING},
            ImageStatus.ACTIVE,
            size=fanned.size,
            virtual_size=fanned.virtual_size,
            checksum=fanned.checksum,
            os_hash_algo=fanned.os_hash_algo,
            os_hash_value=fanned.os_hash_value,
            updated_at=moment,
        )
        if not active:
            raise GiveUp(f"Image {image.id} was deleted during the import.")
        for name, stored in fanned.stored.items():
            metadata = dict(stored.metadata)
            if self._parts.stores.multiple:
                metadata["store"] = name
            locations.add(conn, image.id, Location(stored.url, metadata))
        for entry in entries:
            close(conn, entry)
        self._wishes.follow(conn, image.id)
        self._plugins.amend(conn, image, order)
        progress.end(conn, image, fanned.failed, staged=True)
        if order.method is Method.GLANCE_DIRECT:
            jobs.enqueue(conn, unstage(order.host, image.id), moment)
        tasks.set_status(
            conn,
            order.task,
            TaskStatus.SUCCESS,
            moment,
            message=_summary(fanned),
            result={"image_id": image.id},
            expires_at=moment + self._kept,
        )

    async def _undo(self, image: Image, entries: Mapping[str, str], error: BaseException) -> None:
        """Nothing is left of the bytes in any store, as far as the stores answer."""
        cause = error if isinstance(error, store_errors.StoreError) else error.__cause__
        for entry, name in entries.items():
            store = self._parts.stores.get(name) if name in self._parts.stores else None
            if store is not None and left_nothing(cause, store):
                store = None
            try:
                async with asyncio.timeout(_CLEANING):
                    await self._uploads.undo(image.id, entry, store)
            except (ImagestoreError, store_errors.StoreError, TimeoutError) as failure:
                log.error("image %s: undoing an import has to wait: %r", image.id, failure)

    def _abandoned(self, conn: Connection, job: Job) -> None:
        """It is given up: the image is what it was before, and the task says why."""
        order = Order.of(job.payload)
        assert job.image_id is not None
        ended = jobs.get(conn, job.id)
        reason = (ended.message if ended else None) or "The import was given up."
        moment = now()
        row = images.get(conn, job.image_id)
        if row is not None and row.image.properties.get(progress.TASK) == order.task:
            if order.method is Method.COPY_IMAGE:
                self._copying.abandon(conn, row.image, order)
            else:
                self._put_back(conn, row.image, order)
        if order.method is Method.GLANCE_DIRECT:
            jobs.enqueue(conn, unstage(order.host, job.image_id), moment)
        tasks.set_status(
            conn,
            order.task,
            TaskStatus.FAILURE,
            moment,
            message=reason,
            expires_at=moment + self._kept,
        )

    def _put_back(self, conn: Connection, image: Image, order: Order) -> None:
        moment = now()
        if order.made_image:
            images.soft_delete(conn, image.id, moment, {ImageStatus.IMPORTING})
            return
        images.transition(
            conn,
            image.id,
            {ImageStatus.IMPORTING},
            ImageStatus.QUEUED,
            size=None,
            virtual_size=None,
            updated_at=moment,
        )
        progress.end(conn, image, order.stores, staged=True)


def _summary(fanned: FannedOut) -> str:
    done = f"{fanned.size} bytes were stored in {progress.listed(fanned.stored)}"
    return f"{done}; {progress.listed(fanned.failed)} failed." if fanned.failed else f"{done}."
