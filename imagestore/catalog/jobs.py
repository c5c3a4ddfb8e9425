"""Jobs: background work that is queued, seen, cancelled and retried, and what does it.

Whoever brings a new kind of work writes a handler and registers it once, when the
service is built::

    catalog.jobs.register(JobKind("copy", copy))

    async def copy(work: Work) -> Completion | None: ...

A job is queued where it becomes necessary, in the same transaction, by
:func:`imagestore.database.jobs.enqueue`, or by itself with :meth:`Jobs.submit`.

A handler is run again after a crash, on any node, from its beginning: what it does
outside of the database must bear that (write under the same name, skip what is
there already). What it records it records with :meth:`Work.write`, or by what it
returns: both are undone when another worker has taken the job over meanwhile, so
that of two that did the work one is believed.
"""

from __future__ import annotations

import asyncio
import builtins
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from imagestore.config import settings
from imagestore.database import jobs, leases
from imagestore.database.engine import Database
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, ImagestoreError, NotFound, TooSlow, Unavailable
from imagestore.model.job import Job, JobDraft, JobState

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 5
PATIENT = 1000
"""Attempts at what nobody waits for, and what has to be done some day."""
FIRST_PAUSE = 2.0
"""Seconds before the second attempt, at the most."""
LONGEST_PAUSE = 600.0

Completion = Callable[[Connection], None]
"""What is recorded in the transaction in which the job becomes ``done``."""


class GiveUp(ImagestoreError):
    """The job cannot succeed however often it is tried: park it with this reason."""


class LeaseLost(Exception):
    """Another worker has the job; what this one does has no effect any more."""


class Work:
    """A job in the hands of its handler. ``job.payload`` says what is to be done.

    The handler's task is cancelled when the job is cancelled, when its lease is lost
    and when the process ends; it cleans up and lets the cancellation pass.
    """

    def __init__(self, job: Job, database: Database, *, is_last: bool = False) -> None:
        """``is_last``: if this attempt fails there is no other."""
        self.job = job
        self.is_last = is_last
        self.bytes_done = 0
        self.bytes_total = job.bytes_total
        self._database = database

    def progress(self, done: int, total: int | None = None) -> None:
        """Tell how many bytes are done so far; recorded within a second or so."""
        self.bytes_done = done
        if total is not None:
            self.bytes_total = total

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As :meth:`Database.write`; raises :class:`LeaseLost`, and changes nothing, if
        the job is no longer held."""

        def guarded(conn: Connection) -> T:
            if not leases.holds(conn, self.job):
                raise LeaseLost(self.job.id)
            return function(conn, *args, **kwargs)

        return await self._database.write(guarded)


Handler = Callable[[Work], Awaitable[Completion | None]]
Abandoned = Callable[[Connection, Job], None]


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of work: everything that is decided about it, in one place.

    ``handler`` ends normally when the work is done. :class:`GiveUp`, and any error that
    blames the job and not a part that is away (:class:`imagestore.model.errors.Invalid`,
    ``NotFound``, …), parks it; after any other error it is tried again, later and
    later, until its ``attempts`` are used up. ``longest_pause``: seconds between two of them, at
    the most. ``abandoned`` is run in the transaction in
    which a job is parked or cancelled; it puts back whatever waited for the job.
    ``limit``: how many may run at once on all nodes together. ``awaited``: somebody waits for
    its end; each process keeps a worker for such kinds.
    ``every``: for work that comes again, the time from the end of one run to the next, however
    that ended; None if no other is wanted. What is about one image does not come again.
    """

    name: str
    handler: Handler
    abandoned: Abandoned | None = None
    limit: int | None = None
    awaited: bool = False
    attempts: int | Callable[[Job], int] = ATTEMPTS
    longest_pause: float = LONGEST_PAUSE
    every: timedelta | Callable[[Job], timedelta | None] | None = None

    def is_last(self, job: Job) -> bool:
        """Whether the attempt that is being made is the last one."""
        most = job.max_attempts or self.attempts
        return job.attempts >= (most(job) if callable(most) else most)

    def pause_after(self, job: Job, error: BaseException) -> float | None:
        """Seconds until the job is tried again after an attempt that failed; None: it is parked.

        Anything up to a time that doubles with each attempt, so that what failed together does
        not come back together.
        """
        blames_the_moment = isinstance(error, (Unavailable, TooSlow))
        if (isinstance(error, ImagestoreError) and not blames_the_moment) or self.is_last(job):
            return None
        longest = min(FIRST_PAUSE * 2.0 ** min(job.attempts - 1, 30), self.longest_pause)
        return random.uniform(0, min(longest, LONGEST_PAUSE))  # noqa: S311 (no secret)

    def next_run(self, job: Job, moment: datetime) -> JobDraft | None:
        """What follows a job that has ended."""
        pause = self.every(job) if callable(self.every) else self.every
        if pause is None or job.image_id is not None:
            return None
        return JobDraft(job.kind, job.payload, None, job.target, not_before=moment + pause)


class Jobs:
    """The operations on jobs. They are for operators: no caller is asked for a right here."""

    def __init__(self, database: Database, config: settings.Jobs, owner: str) -> None:
        """``owner``: the identity of this process, by which its leases are known."""
        self.owner = owner
        self.database = database
        self.kinds: dict[str, JobKind] = {}
        self.queued = asyncio.Event()
        """Set when this process has queued something."""
        self._config = config

    def register(self, kind: JobKind) -> None:
        """Have the workers of this process do that kind of work."""
        assert kind.name not in self.kinds, kind.name
        self.kinds[kind.name] = kind

    @property
    def limits(self) -> leases.Limits:
        """How many jobs may run at once, by configuration and else by kind."""
        by_kind = {kind.name: kind.limit for kind in self.kinds.values() if kind.limit is not None}
        return leases.Limits(by_kind | dict(self._config.limits), self._config.per_target)

    async def submit(self, draft: JobDraft) -> Job:
        """Queue a job; the one that is there already if an active one does the same."""

        def queue(conn: Connection) -> Job:
            job_id, _ = jobs.enqueue(conn, draft, now())
            found = jobs.get(conn, job_id)
            assert found is not None
            return found

        job = await self.database.write(queue)
        self.wake()
        return job

    async def begin_now(self, draft: JobDraft) -> Job:
        """Queue a job, or have the one that waits for its time begin at once, with this payload."""
        job = await self.submit(draft)
        await self.database.write(jobs.bring_forward, job.id, draft.payload, now())
        self.wake()
        return await self.show(job.id)

    def wake(self) -> None:
        """Have this process look at once: a transaction that queued something has ended."""
        self.queued.set()

    async def list(
        self,
        *,
        states: Collection[JobState] = (),
        kind: str | None = None,
        image_id: str | None = None,
        project: str | None = None,
        limit: int = 100,
    ) -> builtins.list[Job]:
        """The newest jobs that fit, newest first."""
        return await self.database.read(
            jobs.select_jobs,
            states=states,
            kind=kind,
            image_id=image_id,
            project=project,
            limit=limit,
        )

    async def show(self, job_id: str) -> Job:
        job = await self.database.read(jobs.get, job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        return job

    async def cancel(self, job_id: str) -> Job:
        """Have an active job end; a worker, this one or another, does so within seconds."""
        if not await self.database.write(jobs.request_cancel, job_id, now()):
            job = await self.show(job_id)
            raise Conflict(f"Job {job_id} has ended already: {job.state}.")
        self.wake()
        return await self.show(job_id)

    async def retry(self, job_id: str) -> Job:
        """Queue a parked or cancelled job anew."""
        if not await self.database.write(jobs.retry, job_id, now()):
            job = await self.show(job_id)
            raise Conflict(
                f"Job {job_id} is {job.state}; only failed and cancelled can be retried."
            )
        self.wake()
        return await self.show(job_id)

    async def counts(self) -> Mapping[tuple[str, JobState], int]:
        """How many jobs there are of each kind in each state."""
        return await self.database.read(jobs.counts)

    async def longest_wait(self) -> timedelta:
        """For how long the job waits that has been due for longest."""
        moment = now()
        found = await self.database.read(jobs.tally, moment)
        since = [due for (_, state), (_, due) in found.items() if due and state == JobState.QUEUED]
        return moment - min(since, default=moment)

    # For the workers.

    async def look(self) -> leases.View:
        return await self.database.read(leases.look, tuple(self.kinds), now())

    async def claim(
        self, workers: int, lease: timedelta, held: Sequence[Job] = ()
    ) -> builtins.list[Job]:
        """Jobs that are due, held by this process for ``lease``: as many as it may take on with
        so many workers, having those in hand that it holds already."""
        moment = now()
        awaited = frozenset(kind.name for kind in self.kinds.values() if kind.awaited)
        return await self.database.write(
            leases.claim,
            self.owner,
            tuple(self.kinds),
            leases.Room(workers, held, awaited),
            self.limits,
            moment,
            moment + lease,
        )

    async def renew(
        self, progress: Mapping[tuple[str, int], tuple[int, int | None]], lease: timedelta
    ) -> None:
        """Hold jobs for another ``lease``; see :func:`imagestore.database.leases.renew`."""
        moment = now()
        await self.database.write(leases.renew, progress, moment, moment + lease)

    async def complete(self, job: Job, completion: Completion | None) -> None:
        """The work is done. Raises :class:`LeaseLost`."""

        def record(conn: Connection) -> None:
            if not leases.end(conn, job, JobState.DONE, None, now()):
                raise LeaseLost(job.id)
            if completion is not None:
                completion(conn)
            self._follow(conn, job)

        await self.database.write(record)
        self.wake()

    async def abandon(self, job: Job, state: JobState, message: str) -> bool:
        """Park or cancel; whether the job was still held, or still waited."""

        def record(conn: Connection) -> bool:
            if not leases.end(conn, job, state, message, now()):
                return False
            kind = self.kinds.get(job.kind)
            if kind is not None and kind.abandoned is not None:
                kind.abandoned(conn, job)
            self._follow(conn, job)
            return True

        return await self.database.write(record)

    def _follow(self, conn: Connection, job: Job) -> None:
        """Work that comes again is queued again, unless its completion has done so."""
        kind, moment = self.kinds.get(job.kind), now()
        if kind is not None and (draft := kind.next_run(job, moment)) is not None:
            jobs.enqueue(conn, draft, moment)

    async def give_back(
        self, job: Job, message: str | None, pause: float = 0, *, counts: bool = True
    ) -> bool:
        """Queue a held job again for in ``pause`` seconds; whether it was held."""
        moment = now()
        not_before = moment + timedelta(seconds=pause)
        return await self.database.write(
            leases.give_back, job, message, moment, not_before, counts=counts
        )
