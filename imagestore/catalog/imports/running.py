"""The import itself, as a job: from a source into all stores in one pass, or from store to store.

Before bytes go into a store, a journal row says so, as for an upload. Size, digests,
locations, the status ``active`` and the success of the task are recorded in one transaction.
Whatever breaks in between leaves nothing in any store; the job is tried again, or the image is
put back to what it was, with the reason in the task.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Store
from imagestore.catalog.copies.maker import CopyMaker
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports import progress, recording
from imagestore.catalog.imports.copying import Copying, begin
from imagestore.catalog.imports.plugins import Plugins
from imagestore.catalog.imports.recording import Attempt, Recording
from imagestore.catalog.imports.sources import ImportSource, Sources
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.imports.unstaging import IMPORT
from imagestore.catalog.integrity.recovery import Recovery
from imagestore.catalog.intent import Intent
from imagestore.catalog.job_tasks import JobTasks
from imagestore.catalog.jobs import GiveUp, JobKind, Jobs, Work
from imagestore.catalog.operations import Operations
from imagestore.catalog.quotas import ProjectLimits
from imagestore.catalog.signatures import Signatures, signed
from imagestore.catalog.store_failures import as_upload_failure
from imagestore.model.image import Image, ImageStatus
from imagestore.model.import_request import Method, Order
from imagestore.model.job import Job
from imagestore.transfer.fan_out import FannedOut, fan_out
from imagestore.transfer.receive import Flow

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Of an import. Somebody waits for it: if source or store do not answer, he hears of it within
half a minute. A process that died on the import counts as one."""
LONGEST_PAUSE = 15.0
_BEHIND = store_errors.Unavailable("it was too slow for the others, and is written to later")


class Running(Operations):
    """The handler of import jobs."""

    def __init__(
        self,
        deps: Dependencies,
        staging: Staging,
        sources: Sources,
        recovery: Recovery,
        copies: CopyMaker,
        jobs_: Jobs,
    ) -> None:
        super().__init__(deps)
        self._sources = sources
        self._recovery = recovery
        self._jobs = jobs_
        self._signatures = Signatures(deps.settings.signatures)
        self._plugins = Plugins(deps.settings)
        tasks = JobTasks(deps)
        self._copying = Copying(deps, copies, recovery, tasks)
        self._recording = Recording(deps, self._plugins, self._copying, tasks)
        for name in {IMPORT, IMPORT + staging.host}:
            jobs_.register(
                JobKind(
                    name, self._run, self._recording.abandoned,
                    awaited=True, attempts=ATTEMPTS, longest_pause=LONGEST_PAUSE,
                )
            )  # fmt: skip

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
        if image.status is not ImageStatus.IMPORTING:
            await self._go_on(work, image, order)
            return
        limits = await self._quotas.limits(image.owner)
        async with self._intents.intend() as intent:
            attempt = await work.write(self._open, intent, work.job, image, limits, order)
            for name, entry in attempt.entries.items():
                self._notify.preparing(image, name)
                intent.if_failed(partial(self._undo, image.id, name, entry))
            is_left = await self._transfer(work, intent, attempt)
        self._jobs.wake()
        if is_left and (now_active := await work.write(self._begin, image_id, order)):
            await self._go_on(work, now_active, order)

    def _begin(self, conn: Connection, image_id: str, order: Order) -> Image | None:
        """The image, if it is still to be imported; None if an earlier attempt was recorded."""
        image = begin(conn, image_id, order)
        if image is None:
            return None
        if image.status is ImageStatus.IMPORTING:
            if image.properties.get(progress.FAILED):  # in an earlier attempt
                progress.advance(conn, image, order.stores, ())
                image.properties[progress.FAILED] = ""
        elif order.all_must_succeed or not image.locations:
            raise GiveUp("The image is not there any more.")
        return image

    async def _go_on(self, work: Work, image: Image, order: Order) -> None:
        """The image is active by now: what is left goes from store to store."""
        await work.write(self._recording.release, work.job, order)
        left = self._recording.missing(image, order)
        if left:
            await self._copying.run(work, image.id, replace(order, stores=left))
        else:
            await work.write(self._recording.complete, work.job, image, order)

    def _open(
        self,
        conn: Connection,
        intent: Intent,
        job: Job,
        image: Image,
        limits: ProjectLimits | None,
        order: Order,
    ) -> Attempt:
        """Say in the journal where bytes are about to go."""
        cap = self._quotas.size_cap(conn, limits)
        entries = {name: intent.upload(conn, image.id, name) for name in order.stores}
        for entry in entries.values():
            self._quotas.reserve(conn, limits, entry, image.size)
        return Attempt(job, order, image, limits, cap, entries)

    async def _transfer(self, work: Work, intent: Intent, attempt: Attempt) -> bool:
        """Whether a store was too slow for the others, which have the image, and has nothing."""
        image, order, entries = attempt.image, attempt.order, attempt.entries
        stores = [self._store(name) for name in order.stores]
        async with (
            self._sources.open(image, order, attempt.cap) as source,
            self._applied(work, _sized(source, order), attempt.cap) as stored,
        ):
            if image.size is None and stored.size is not None:
                await self._quotas.fix(attempt.limits, entries.values(), stored.size)
            for entry in entries.values():  # each copy counts
                metered = self._quotas.metered(attempt.limits, entry, stored.blocks, stored.size)
                stored = replace(stored, blocks=metered)

            async def record(fanned: FannedOut) -> None:
                await self._activations.within(
                    work.write, self._recording.record, attempt, stored.image, fanned
                )

            fanned = await self._fan_out(
                work, attempt, stores, stored, None if order.all_must_succeed else record
            )
        for name, error in (*fanned.failed.items(), *((name, _BEHIND) for name in fanned.behind)):
            await intent.attempt(self._undo(image.id, name, entries[name], error))
        if not fanned.behind:
            await self._activations.within(
                work.write, self._recording.finish, attempt, stored.image, fanned
            )
        return bool(fanned.behind)

    def _applied(
        self, work: Work, source: ImportSource, cap: int
    ) -> contextlib.AbstractAsyncContextManager[ImportSource]:
        work.progress(0, source.size)
        return self._plugins.applied(source, most=cap, on_progress=work.progress)

    async def _fan_out(
        self,
        work: Work,
        attempt: Attempt,
        stores: list[Store],
        source: ImportSource,
        on_stored: Callable[[FannedOut], Awaitable[object]] | None,
    ) -> FannedOut:
        image, order = source.image, attempt.order
        # Without the caller's token: the key manager has to be asked with the service's own.
        verification = await self._signatures.verification(
            signed(image.properties), token=None, project=image.owner
        )
        try:
            flow = Flow(
                image,
                source.blocks,
                self._deps.settings.images,
                size_cap=attempt.cap,
                on_progress=work.progress,
                verification=verification,
                checksum=order.checksum,
            )
            return await fan_out(
                stores,
                flow,
                size=source.size,
                all_must_succeed=order.all_must_succeed,
                on_stored=on_stored,
            )
        except store_errors.StoreError as error:
            log.warning("import of image %s failed: %s", image.id, error)
            await work.write(recording.note, image.id, order, error.store)
            raise as_upload_failure(error, error.store) from error

    def _store(self, name: str) -> Store:
        if name not in self._stores:
            raise GiveUp(f"There is no store '{name}' any more.")
        return self._stores.get(name)

    async def _undo(self, image_id: str, name: str, entry: str, error: BaseException) -> None:
        """Nothing is left of the bytes in the store."""
        self._notify.not_uploaded(image_id, name, error)
        store = self._stores.get(name) if name in self._stores else None
        await self._intents.undo(entry, image_id, store, error)


def _sized(source: ImportSource, order: Order) -> ImportSource:
    """The source with the size that the caller said; raises ``GiveUp`` if it has another one."""
    if order.size is None:
        return source
    if source.size not in (None, order.size):
        raise GiveUp(f"There are {source.size} bytes at the source, not {order.size}.")
    return replace(source, size=order.size)
