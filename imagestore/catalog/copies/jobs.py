"""Copies as jobs: queued for a user or a rule, tried again, seen, cancelled."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from imagestore.catalog.access import not_found
from imagestore.catalog.copies.maker import CopyMaker, InTheWay
from imagestore.catalog.copies.placement import COPY, RULE, Placements, draft_of
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.recovery import Recovery
from imagestore.catalog.jobs import ATTEMPTS, PATIENT, Completion, JobKind, Jobs, Work
from imagestore.catalog.operations import Operations
from imagestore.database import images, jobs, replicas
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Gone, NotFound
from imagestore.model.image import Image
from imagestore.model.job import Job
from imagestore.observing import metrics

_AT_ONCE = 3
"""Copies that all nodes together make at once, unless ``job_limits`` says otherwise: as many
as one process has workers for what nobody waits for."""


class CopyJobs(Operations):
    """The kind of work ``copy``."""

    def __init__(
        self, deps: Dependencies, jobs_: Jobs, copies: CopyMaker, recovery: Recovery
    ) -> None:
        super().__init__(deps)
        self._jobs = jobs_
        self._copies = copies
        self._recovery = recovery
        self._placements = Placements(deps)
        jobs_.register(JobKind(COPY, self._run, limit=_AT_ONCE, attempts=_attempts))

    async def start(self, image_id: str, store: str) -> Job:
        """Have the image copied to ``store`` because a user asks for it; the job that does so.

        No rule ever removes that copy, also if one had it made, or is about to. Rights are
        for the caller to check. Raises ``NotFound`` and ``Conflict`` if it cannot be done at all.
        """
        if store not in self._stores:
            raise NotFound(f"There is no store '{store}'.")
        if not self._placements.can_take(store):
            raise Conflict(f"Store '{store}' is read-only.")
        job = await self._database.write(self.enqueue, image_id, store)
        self._jobs.wake()
        return job

    def enqueue(self, conn: Connection, image_id: str, store: str) -> Job:
        """The same in a transaction of the caller's, who calls :meth:`Jobs.wake` after it."""
        row = images.get(conn, image_id, locked=True)
        if row is None:
            raise not_found(image_id)
        copy = self._placements.standing(row.image).copies.get(store)
        if copy is not None and copy.id is not None:
            replicas.remove(conn, copy.id)
        job_id, new = jobs.enqueue(conn, draft_of(row.image, store, None), now())
        if not new:
            # The job of a rule: what it is recorded for is decided when it is.
            jobs.set_payload(conn, job_id, {})
        found = jobs.get(conn, job_id)
        assert found is not None
        return found

    async def _run(self, work: Work) -> Completion | None:
        job = work.job
        assert job.image_id is not None

        def wanted(image: Image) -> bool:
            return rule is None or job.target in self._placements.standing(image).placement.stores

        rule = job.payload.get(RULE)
        try:
            copied = await self._copies.copy(
                job.image_id,
                job.target,
                write=work.write,
                by_rule=partial(_is_for_a_rule, job.id),
                wanted=wanted,
                on_progress=work.progress,
            )
        except InTheWay:
            # Left behind, perhaps, by the process that worked on this job before.
            await self._recovery.run(job.image_id)
            raise
        except (NotFound, Conflict, Gone):
            if rule is not None and not await self._is_active(job.image_id):
                return None  # nothing to be done any more
            raise
        if not copied:
            return None if rule is None else partial(self._asked_for_meanwhile, job.image_id, job)
        if rule is not None:
            metrics.REPLICATION_COPIES.labels(rule, job.target).inc()
        return lambda conn: jobs.set_progress(conn, job.id, work.bytes_done, work.bytes_total)

    def _asked_for_meanwhile(self, image_id: str, ended: Job, conn: Connection) -> None:
        """A user may have asked for the copy after it was seen that no rule wants it any more."""
        if not _is_for_a_rule(ended.id, conn) and images.get(conn, image_id) is not None:
            self.enqueue(conn, image_id, ended.target)

    async def _is_active(self, image_id: str) -> bool:
        row = await self._database.select(images.get, image_id)
        return row is not None and row.image.status == "active"


def _is_for_a_rule(job_id: str, conn: Connection) -> bool:
    """As it stands now: a job of a rule becomes one of the user who asks for the same."""
    stands = jobs.get(conn, job_id)
    return stands is not None and RULE in stands.payload


def _attempts(job: Job) -> int:
    """For a rule a store that is down is waited for, however long."""
    return 10 * PATIENT if RULE in job.payload else ATTEMPTS
