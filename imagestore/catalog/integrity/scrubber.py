"""The scrubber: with delayed deletion, removes the bytes of deleted images when their time is up.

An image whose bytes are being removed has a journal row, from before the first byte to the
end, so that it cannot be restored half. What a store hinders stays as it was and is tried
again at the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from imagestore.backends.errors import StoreError
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.intent import Intent
from imagestore.catalog.jobs import PATIENT, JobKind, Jobs, Work
from imagestore.catalog.operations import Operations
from imagestore.database import damages, journal, locations, pending_deletes
from imagestore.database.damages import DamageState
from imagestore.database.journal import Entry
from imagestore.database.pending_deletes import Pending
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, NotFound
from imagestore.model.image import ImageStatus
from imagestore.model.job import JobDraft

log = logging.getLogger(__name__)

KIND = "scrub"
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What one look came to: ids of images, and why others stay."""

    removed: Sequence[str]
    failed: Sequence[tuple[str, str]]


class Scrubber(Operations):
    """The operations on images that are deleted but whose bytes are there. For operators."""

    def __init__(self, deps: Dependencies, jobs_: Jobs, deletions: Deletions, hold: Hold) -> None:
        super().__init__(deps)
        self._deletions = deletions
        self._jobs = jobs_
        self._hold = hold
        self._settings = deps.settings.scrubber
        pause = timedelta(seconds=self._settings.wakeup_time)
        jobs_.register(JobKind(KIND, self._run, attempts=PATIENT, every=pause))

    async def ensure(self) -> None:
        """Queue the look for what is due, unless deletions are not delayed."""
        if self._settings.delayed_delete:
            await self._jobs.submit(JobDraft(KIND))

    async def pending(self) -> list[tuple[Pending, datetime]]:
        """Deleted images whose bytes are there, and when each is due, the longest deleted first."""
        found = await self._database.read(pending_deletes.select_pending, now(), _AT_ONCE)
        return [(one, one.deleted_at + self._kept) for one in found]

    async def unfinished(self) -> list[Entry]:
        """Deletions that have begun and not ended: under way, interrupted, or hindered by a
        store. :mod:`recovery` goes on with those that nobody works on."""
        kinds = (journal.EntryKind.DELETION, journal.EntryKind.REMOVAL)
        return [one for one in await self._database.read(journal.entries) if one.kind in kinds]

    async def restore(self, image_id: str) -> None:
        """Undo a delayed deletion: the image is active again, with all that belongs to it."""
        await self._database.write(_restore, image_id)

    async def scrub(self) -> Scrubbed:
        """Remove the bytes of all images whose time is up, some at once."""
        removed: list[str] = []
        failed: list[tuple[str, str]] = []
        before = now() - self._kept
        turns = asyncio.Semaphore(self._settings.scrub_pool_size)

        async def one(image_id: str) -> None:
            async with turns:
                try:
                    if await self._scrub(image_id, before):
                        removed.append(image_id)
                except StoreError as error:
                    log.error("image %s is not scrubbed yet: %s", image_id, error)
                    failed.append((image_id, type(error).__name__))

        due = await self._database.read(pending_deletes.select_pending, before, _AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for each in due:
                group.create_task(one(each.id))
        return Scrubbed(removed, failed)

    @property
    def _kept(self) -> timedelta:
        return timedelta(seconds=self._settings.scrub_time)

    async def _run(self, work: Work) -> None:
        if not await self._hold.is_on():
            await self.scrub()

    async def _scrub(self, image_id: str, before: datetime) -> bool:
        """Remove the bytes of one image; whether that was still to be done."""
        async with self._intents.intend() as intent:
            entry = await self._database.write(_claim, intent, image_id, before)
            if entry is None:
                return False
            intent.if_failed(lambda _: self._database.write(journal.close, entry))
            for copy in await self._database.read(locations.select_hidden, image_id):
                await self._deletions.remove_bytes(image_id, copy)
                assert copy.id is not None
                await self._database.write(locations.finish, copy.id)
            return await self._database.write(_finish, image_id, entry)


def _claim(conn: Connection, intent: Intent, image_id: str, before: datetime) -> str | None:
    deleted_at = pending_deletes.lock(conn, image_id)
    if deleted_at is None or deleted_at > before or journal.has_deletion(conn, image_id):
        return None
    return intent.deletion(conn, image_id, ImageStatus.PENDING_DELETE)


def _finish(conn: Connection, image_id: str, entry: str) -> bool:
    journal.close(conn, entry)
    return pending_deletes.finish(conn, image_id, now())


def _restore(conn: Connection, image_id: str) -> None:
    if pending_deletes.lock(conn, image_id) is None:
        raise NotFound(f"There is no deleted image {image_id} whose data is kept.")
    if journal.has_deletion(conn, image_id):
        raise Conflict(f"The data of image {image_id} is being removed.")
    if not locations.select_hidden(conn, image_id):
        raise Conflict(f"The data of image {image_id} is removed already.")
    pending_deletes.restore(conn, image_id, now())
    for damage in damages.list(conn, image_id=image_id):
        # It comes back as it went: out of use.
        if locations.set_status(conn, damage.location_id, locations.DAMAGED):
            damages.set_state(conn, damage.location_id, DamageState.DAMAGED, now())
