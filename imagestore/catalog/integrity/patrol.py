"""The integrity patrol: reads all stored images again, compares, and repairs.

One job for all nodes, which goes on where the last one ended. A copy whose bytes are not
those of its image is read once more, then taken out of use; if another copy is whole, it is
made anew from that. What cannot be repaired is reported: a row, a metric, an event, a
property of the image.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from imagestore.backends.base import Capability, Store
from imagestore.backends.errors import StoreError
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.damage import mark, unmark
from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.integrity.replacement import BadSource, Replacement
from imagestore.catalog.jobs import PATIENT, Completion, JobKind, Jobs, Work
from imagestore.catalog.locations.correction import StoreCorrections
from imagestore.catalog.operations import Operations
from imagestore.database import damages, images, jobs, locations
from imagestore.database.damages import Damage, DamageState, Progress
from imagestore.model.clock import now
from imagestore.model.digest import Expected, comparable
from imagestore.model.errors import ImagestoreError, NotFound
from imagestore.model.image import Image, Location
from imagestore.model.job import Job, JobDraft
from imagestore.observing import metrics
from imagestore.transfer.verification import Pace, find_fault

log = logging.getLogger(__name__)

KIND = "patrol"
_AT_ONCE = 50
_REMEMBERED = timedelta(days=90)
"""For which a damage that is settled can be looked at."""


@dataclass(slots=True)
class _Tally:
    damaged: int = 0
    repaired: int = 0
    unread: int = 0


class Patrol(Operations):
    """The operations of the patrol. For operators."""

    def __init__(
        self, deps: Dependencies, jobs_: Jobs, replacement: Replacement, hold: Hold
    ) -> None:
        super().__init__(deps)
        self._jobs = jobs_
        self._replacement = replacement
        self._hold = hold
        self._corrections = StoreCorrections(deps)
        self._rate = deps.settings.scrubber.patrol_rate
        self._interval = timedelta(hours=deps.settings.scrubber.patrol_interval)
        every = self._interval if self._rate else None
        jobs_.register(JobKind(KIND, self._run, attempts=PATIENT, every=every))

    async def ensure(self) -> None:
        """Queue the patrol, unless it is off."""
        if self._rate:
            await self._jobs.submit(_draft(self._rate))
        await self._count()

    async def start(self, *, rate: int | None = None, image_id: str | None = None) -> Job:
        """Have a pass, or the check of one image, begin now.

        ``rate``: bytes a second; 0 is no limit, None what is configured. One that is under
        way goes on as it is.
        """
        if image_id is not None and await self._database.select(images.get, image_id) is None:
            raise NotFound(f"No image found with ID {image_id}")
        draft = _draft(self._rate if rate is None else rate, await self.verified_since(), image_id)
        return await self._jobs.begin_now(draft)

    async def progress(self) -> Progress | None:
        """How far the pass of all nodes is, or how the last one ended; None: there was none."""
        return await self._database.read(damages.progress)

    async def verified_since(self) -> datetime | None:
        """When the last whole pass began: all copies that are older were compared after that.

        None: there was none, or nobody knows any more.
        """
        return await self._database.read(_verified_since)

    async def damages(self, *, settled: bool = False) -> list[Damage]:
        """Copies that are damaged; ``settled``: also those that were and are not any more."""
        states = frozenset(DamageState) if settled else damages.OPEN
        return await self._database.read(damages.list, states=states)

    async def _run(self, work: Work) -> Completion | None:
        pace = Pace(int(work.job.payload.get("rate", 0)))
        tally = _Tally()
        if work.job.image_id is not None:
            row = await self._database.select(images.get, work.job.image_id)
            if row is not None:
                await self._check(row.image, pace, tally)
                await self._repair(pace, tally, image_id=row.image.id)
            await self._count()
            return None
        at = await self._begin(work)
        await self._repair(pace, tally)
        while found := await self._database.read(damages.images_after, at.position, _AT_ONCE):
            for image in found:
                before = pace.bytes
                work.progress(pace.bytes)
                await self._check(image, pace, tally)
                at = _add(at, image.id, pace.bytes - before, tally)
                tally = _Tally()
                await work.write(damages.set_progress, at)
        await work.write(damages.forget, now() - _REMEMBERED)
        await self._count()
        return lambda conn: self._end(conn, at)

    async def _begin(self, work: Work) -> Progress:
        """Where the last one was left, or a new pass."""
        at = await self._database.read(damages.progress)
        if at is None or at.finished_at is not None:
            at = Progress("", now(), None)
            await work.write(damages.set_progress, at)
        return at

    def _end(self, conn: Connection, at: Progress) -> None:
        moment = now()
        damages.set_progress(conn, replace(at, finished_at=moment))
        if self._rate:
            next_ = max(at.started_at + self._interval, moment + timedelta(seconds=60))
            draft = replace(_draft(self._rate, at.started_at), not_before=next_)
            jobs.enqueue(conn, draft, moment)

    async def _check(self, image: Image, pace: Pace, tally: _Tally) -> None:
        """Read all copies; what is damaged is marked, and made anew where that can be done."""
        wanted = comparable(image)
        whole: set[int] = set()
        for location in self._corrections.corrected(image.locations):
            store = self._stores.of(location)
            if store is None:
                log.error("image %s: no store here has %s", image.id, location.url)
                tally.unread += 1
                continue
            if Capability.EXTERNAL in store.capabilities or location.id is None:
                continue
            if wanted is None:
                tally.unread += 1
                continue
            fault = await self._examine(store, location, wanted, pace, tally)
            if fault == "":
                continue
            if fault is None:
                whole.add(location.id)
                if location.status == locations.DAMAGED:
                    await self._database.write(unmark, image.id, location.id)
                    self._notify.repaired(image, store.name)
            elif await self._mark(image, location, store.name, fault):
                tally.damaged += location.status != locations.DAMAGED
        if await self._database.read(damages.list, image_id=image.id, limit=1):
            await self._repair(pace, tally, frozenset(whole), image_id=image.id)
        await self._corrections.settle()

    async def _mark(self, image: Image, location: Location, store: str, fault: str) -> bool:
        """Take the copy out of use, and tell of it the first time; whether it is the image's."""
        if not await self._database.write(mark, image, location, store, fault):
            return False
        log.error("image %s: its copy in %s is damaged: %s", image.id, store, fault)
        if location.status != locations.DAMAGED:
            self._notify.damaged(image, store, fault)
        return True

    async def _examine(
        self, store: Store, location: Location, wanted: Expected, pace: Pace, tally: _Tally
    ) -> str | None:
        """What is wrong with the copy, found twice; None if nothing is, "" if nobody can tell."""
        before = pace.bytes
        try:
            fault = await find_fault(store, location.url, wanted, pace)
            if fault is not None:
                # Once more: what was wrong may have been the way here.
                fault = await find_fault(store, location.url, wanted, pace)
        except StoreError as error:
            log.warning("a copy cannot be read by the patrol: %s", error)
            tally.unread += 1
            return ""
        finally:
            metrics.PATROL_BYTES.inc(pace.bytes - before)
        return fault

    async def _repair(
        self,
        pace: Pace,
        tally: _Tally,
        whole: frozenset[int] = frozenset(),
        *,
        image_id: str | None = None,
    ) -> None:
        """Make anew what can be, of one image or of all that is known to be damaged."""
        if await self._hold.is_on():
            return  # what is there may be right, and what is known of it old
        for damage in await self._database.read(damages.list, image_id=image_id):
            row = await self._database.select(images.get, damage.image_id)
            if row is None or _has_lost_it(row.image, damage):
                await self._database.write(
                    damages.set_state, damage.location_id, DamageState.GONE, now()
                )
                continue
            if await self._replace(row.image, damage, pace, whole):
                tally.repaired += 1
                metrics.PATROL_REPAIRS.labels(damage.store, "repaired").inc()
                self._notify.repaired(row.image, damage.store)
                log.warning("image %s: its copy in %s is repaired", damage.image_id, damage.store)
            else:
                metrics.PATROL_REPAIRS.labels(damage.store, "failed").inc()

    async def _replace(
        self, image: Image, damage: Damage, pace: Pace, whole: frozenset[int]
    ) -> bool:
        # Each turn takes one bad source out of use, or ends.
        while True:
            try:
                return await self._replacement.replace(damage, pace, whole)
            except BadSource as bad:
                if not await self._mark(image, bad.location, bad.store, bad.reason):
                    return False
            except (StoreError, ImagestoreError) as error:
                log.error("image %s: a repair has to wait: %s", image.id, error)
                return False

    async def _count(self) -> None:
        counted = await self._database.read(damages.counts)
        for store in {*counted, *(store.name for store in self._stores)}:
            metrics.DAMAGED_COPIES.labels(store).set(counted.get(store, 0))


def _has_lost_it(image: Image, damage: Damage) -> bool:
    """Whether somebody has deleted the copy, or one took its place already."""
    here: Sequence[Location] = [each for each in image.locations if each.id == damage.location_id]
    if damage.state is DamageState.REPAIRING:
        return any(each.store == damage.store for each in image.locations)
    return not here


def _add(at: Progress, image_id: str, count: int, tally: _Tally) -> Progress:
    return replace(
        at,
        position=image_id,
        images=at.images + 1,
        bytes=at.bytes + count,
        damaged=at.damaged + tally.damaged,
        repaired=at.repaired + tally.repaired,
        unread=at.unread + tally.unread,
    )


def _draft(rate: int, since: datetime | None = None, image_id: str | None = None) -> JobDraft:
    """``since``: when the whole pass before this one began; kept while that one is at work."""
    told = {} if since is None else {"since": since.isoformat()}
    return JobDraft(KIND, {"rate": rate, **told}, image_id)


def _verified_since(conn: Connection) -> datetime | None:
    at = damages.progress(conn)
    if at is not None and at.finished_at is not None:
        return at.started_at
    job = jobs.get_active(conn, _draft(0))
    since = None if job is None else job.payload.get("since")
    return None if since is None else datetime.fromisoformat(since)
