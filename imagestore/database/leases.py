"""Jobs being worked on: claimed, renewed, taken over, ended.

A worker holds a job for as long as its lease lasts and its ``fence`` is the one in
the row. Every statement that ends or changes a held job compares the fence, so a
worker that was believed dead, and comes back, changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    func,
    null,
    or_,
    select,
    true,
    update,
)

from imagestore.database import events, gates
from imagestore.database.jobs import COLUMNS, to_job
from imagestore.database.schema import job_gates, jobs
from imagestore.model.job import Job, JobState

_QUEUED, _RUNNING = JobState.QUEUED.value, JobState.RUNNING.value


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may run at once on all nodes together; what is not named has no limit."""

    by_kind: Mapping[str, int] = field(default_factory=dict)
    per_target: int = 0
    """For each target, and all kinds together; 0: no limit. Jobs without a target do not count."""


GUESTS = 2
"""Jobs beyond its workers that a process takes of projects for which nothing awaited runs."""


@dataclass(frozen=True, slots=True)
class Room:
    """The workers of one process, and the jobs that it has in hand.

    ``kept`` workers take no job of a kind for which nobody waits, and none of a project that
    takes all the others: whatever one of them has queued, and however long that takes, a
    job that somebody waits for finds a worker. A process with too few workers has one all the
    same. Where several projects hold all workers with slow jobs, :data:`GUESTS` are taken in of
    those for which nothing that is awaited runs on any node.
    """

    workers: int
    held: Sequence[Job] = ()
    awaited: frozenset[str] = frozenset()
    """The kinds that somebody waits for."""
    kept: int = 1

    def closed(self, claimed: Iterable[Job]) -> tuple[bool, list[str]]:
        """Whether only what is awaited may still be taken, and the projects of which no more
        is; ``claimed``: what came to ``held`` since."""
        jobs_ = [*self.held, *claimed]
        most = max(1, self.workers - self.kept)
        awaited = [job for job in jobs_ if job.kind in self.awaited]
        projects = Counter(job.project for job in awaited)
        full = [name for name, count in projects.items() if name is not None and count >= most]
        return len(jobs_) - len(awaited) >= most, full


@dataclass(frozen=True, slots=True)
class View:
    """What a look at the queue finds: is something due, what runs, what is to be cancelled."""

    due: bool
    running: Sequence[Job]
    to_cancel: Sequence[Job]
    """Jobs that wait and are to end."""


_RUNNING_JOBS = select(*COLUMNS).where(jobs.c.state == _RUNNING)
_CLAIMED = and_(jobs.c.id == bindparam("of_id"), jobs.c.fence == bindparam("of_fence"))
_HELD = (_CLAIMED, jobs.c.state == _RUNNING)
_HOLDS = select(jobs.c.id).where(*_HELD).with_for_update()
_FREE = {"lease_owner": null(), "lease_until": null()}


def look(conn: Connection, kinds: Sequence[str], moment: datetime) -> View:
    """The state of the queue, for a worker of these kinds. Reads only."""
    waiting = (jobs.c.state == _QUEUED, jobs.c.kind.in_(kinds))
    due = conn.scalar(select(exists().where(*waiting, jobs.c.not_before <= moment)))
    cancelled = select(*COLUMNS).where(*waiting, jobs.c.cancel_requested == true())
    return View(
        bool(due),
        [to_job(row) for row in conn.execute(_RUNNING_JOBS)],
        [to_job(row) for row in conn.execute(cancelled)],
    )


def claim(
    conn: Connection,
    owner: str,
    kinds: Sequence[str],
    room: Room,
    limits: Limits,
    moment: datetime,
    until: datetime,
) -> list[Job]:
    """As many of the jobs that are due as there is room for, now held by ``owner`` until then."""
    _enter_gates(conn, kinds, limits)
    claimed: list[Job] = []
    while len(room.held) + len(claimed) < room.workers + (GUESTS if room.workers else 0):
        # One at a time: each that is claimed may be the last allowed.
        found = conn.scalar(_next(conn, kinds, room, claimed, limits, moment))
        if found is None or not _take(conn, found, owner, moment, until):
            break
        row = conn.execute(select(*COLUMNS).where(jobs.c.id == found)).one()
        claimed.append(to_job(row))
    for job in claimed:
        _tell(conn, job, JobState.RUNNING, None)
    return claimed


def renew(
    conn: Connection,
    progress: Mapping[tuple[str, int], tuple[int, int | None]],
    moment: datetime,
    until: datetime,
) -> None:
    """Hold jobs for longer; by id and fence: the bytes done and, if known, in total."""
    for (job_id, fence), (done, total) in progress.items():
        statement = _change(
            lease_until=until, updated_at=moment, bytes_done=done, bytes_total=total
        )
        conn.execute(statement, {"of_id": job_id, "of_fence": fence})


def holds(conn: Connection, job: Job) -> bool:
    """Whether the job is still held by this claim; if so, until this transaction ends."""
    if conn.execute(_HOLDS, {"of_id": job.id, "of_fence": job.fence}).first() is None:
        return False
    gates.touch(conn, jobs.c.bytes_done, jobs.c.id == job.id)
    return True


def end(conn: Connection, job: Job, state: JobState, message: str | None, moment: datetime) -> bool:
    """The job has come to an end; whether it was still held by this claim."""
    before = _QUEUED if job.state is JobState.QUEUED else _RUNNING
    statement = (
        update(jobs)
        .where(_CLAIMED, jobs.c.state == before)
        .values(state=state.value, active_key=null(), message=message, updated_at=moment, **_FREE)
    )
    ended = _run(conn, statement, job)
    if ended:
        _tell(conn, job, state, message)
    return ended


def give_back(
    conn: Connection,
    job: Job,
    message: str | None,
    moment: datetime,
    not_before: datetime,
    *,
    counts: bool = True,
) -> bool:
    """Queue a held job again; whether it was held. ``counts``: whether that was an attempt."""
    statement = _change(
        state=_QUEUED,
        message=message,
        not_before=not_before,
        updated_at=moment,
        attempts=jobs.c.attempts - (0 if counts else 1),
        **_FREE,
    )
    held = _run(conn, statement, job)
    if held:
        _tell(conn, job, JobState.QUEUED, message)
    return held


TARGETS = "*"
"""The gate of the limit for targets."""


def _enter_gates(conn: Connection, kinds: Sequence[str], limits: Limits) -> None:
    """Of those who claim what is limited, one counts at a time."""
    # In one order, so that no two wait for each other.
    for name in sorted({*limits.by_kind} & {*kinds}) + ([TARGETS] if limits.per_target else []):
        gates.enter(conn, job_gates.c.kind, name)


def _next(
    conn: Connection,
    kinds: Sequence[str],
    room: Room,
    claimed: Sequence[Job],
    limits: Limits,
    moment: datetime,
) -> Select[Any]:
    full, full_targets = _full(conn, limits)
    only_awaited, full_projects = room.closed(claimed)
    others = [] if only_awaited else [kind for kind in kinds if kind not in room.awaited]
    awaited = [kind for kind in kinds if kind in room.awaited and kind not in full]
    of_another = or_(jobs.c.project.is_(None), jobs.c.project.not_in(full_projects))
    if len(room.held) + len(claimed) >= room.workers:
        running = jobs.alias()
        served = select(running.c.id).where(
            running.c.project == jobs.c.project,
            running.c.state == _RUNNING,
            running.c.kind.in_(awaited),
        )
        others, of_another = [], and_(jobs.c.project.is_not(None), ~served.exists())
    statement = (
        select(jobs.c.id)
        .where(
            jobs.c.state == _QUEUED,
            or_(
                and_(jobs.c.kind.in_(awaited), of_another),
                jobs.c.kind.in_([kind for kind in others if kind not in full]),
            ),
            jobs.c.not_before <= moment,
            jobs.c.cancel_requested != true(),
            jobs.c.target.not_in(full_targets),
        )
        .order_by(jobs.c.turn, jobs.c.created_at, jobs.c.id)
        .limit(1)
    )
    if _skips_locked(conn):
        # What another worker is claiming at this moment is not waited for.
        statement = statement.with_for_update(skip_locked=True)
    return statement


def _full(conn: Connection, limits: Limits) -> tuple[set[str], list[str]]:
    """Kinds and targets that may have no further job."""
    kinds: set[str] = set()
    targets: list[str] = []
    running = jobs.c.state == _RUNNING
    if limits.by_kind:
        counted = select(jobs.c.kind, func.count()).where(running).group_by(jobs.c.kind)
        number: dict[str, int] = {kind: count for kind, count in conn.execute(counted)}  # noqa: C416
        kinds = {kind for kind, most in limits.by_kind.items() if number.get(kind, 0) >= most}
    if limits.per_target:
        named = (running, jobs.c.target != "")
        by_target = select(jobs.c.target, func.count()).where(*named).group_by(jobs.c.target)
        targets = [t for t, count in conn.execute(by_target) if count >= limits.per_target]
    return kinds, targets


def _take(conn: Connection, job_id: str, owner: str, moment: datetime, until: datetime) -> bool:
    statement = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == _QUEUED)
        .values(
            state=_RUNNING,
            lease_owner=owner,
            lease_until=until,
            fence=jobs.c.fence + 1,
            attempts=jobs.c.attempts + 1,
            updated_at=moment,
        )
    )
    return conn.execute(statement).rowcount == 1


def _change(**values: Any) -> Update:
    return update(jobs).where(*_HELD).values(**values)


def _tell(conn: Connection, job: Job, state: JobState, message: str | None) -> None:
    more = {} if message is None else {"message": message}
    named = {"image_id": job.image_id, "job_id": job.id, "project": job.project}
    events.record(conn, f"job.{state.value}", **named, job_kind=job.kind, **more)


def _run(conn: Connection, statement: Update, job: Job) -> bool:
    return conn.execute(statement, {"of_id": job.id, "of_fence": job.fence}).rowcount == 1


def _skips_locked(conn: Connection) -> bool:
    dialect = conn.dialect
    if dialect.name == "postgresql":
        return True
    if dialect.name not in ("mysql", "mariadb"):
        return False
    least = (10, 6) if getattr(dialect, "is_mariadb", False) else (8, 0, 1)
    return tuple(dialect.server_version_info or ()) >= least
