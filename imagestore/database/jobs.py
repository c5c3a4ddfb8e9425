"""Jobs as rows: put into the queue, looked at, cancelled, retried, removed.

Every function takes a connection inside a transaction that somebody else ends, so
that a job is queued in the very transaction that makes it necessary. How jobs are
worked on is in :mod:`imagestore.database.leases`.

Projects and kinds are served in turn, however many jobs one of them has queued: a job gets a
number when it is queued, one more than the last of its own project and kind that waits, and
no less than the first of all that are due; the queue is in the order of these numbers.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from imagestore.database import events
from imagestore.database.schema import jobs
from imagestore.model.errors import Conflict
from imagestore.model.job import ACTIVE, ENDED, Job, JobDraft, JobState
from imagestore.observing import tracing

_TRACE = "traceparent"
"""In the payload as it is stored, whatever the kind of the job."""
_NAMES = tuple(name for name in Job.__slots__ if name != _TRACE)
COLUMNS = tuple(jobs.c[name] for name in _NAMES)
"""The columns of a job, in the order of the fields of :class:`Job`."""

_GET = select(*COLUMNS).where(jobs.c.id == bindparam("id"))
_BY_KEY = select(jobs.c.id).where(jobs.c.active_key == bindparam("key"))
_INSERT = insert(jobs)
_QUEUED = jobs.c.state == JobState.QUEUED.value
_FIRST_TURN = select(func.min(jobs.c.turn)).where(_QUEUED, jobs.c.not_before <= bindparam("moment"))
_LAST_TURN = select(func.max(jobs.c.turn)).where(jobs.c.kind == bindparam("kind"), _QUEUED)
_OF_A_PROJECT = _LAST_TURN.where(jobs.c.project == bindparam("project"))
_OF_NOBODY = _LAST_TURN.where(jobs.c.project.is_(None))
_ENDED = sorted(state.value for state in ENDED)
_COUNT = select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state)
_TALLIED = 10_000
_SOME = (
    select(jobs.c.kind, jobs.c.not_before)
    .where(jobs.c.state == bindparam("state"))
    # The order of an index, so that no more of them are read.
    .order_by(jobs.c.turn, jobs.c.created_at, jobs.c.id)
    .limit(_TALLIED)
    .subquery()
)
_DUE = func.min(case((_SOME.c.not_before <= bindparam("moment"), _SOME.c.not_before)))
_TALLY = select(_SOME.c.kind, func.count(), _DUE).group_by(_SOME.c.kind)


def enqueue(conn: Connection, draft: JobDraft, moment: datetime) -> tuple[str, bool]:
    """The id of the job, and whether it is new: not an active one with the same key."""
    job_id = str(uuid.uuid4())
    row = {
        "id": job_id,
        "kind": draft.kind,
        "image_id": draft.image_id,
        "target": draft.target,
        "project": draft.project,
        "payload": _traced(draft.payload),
        "state": JobState.QUEUED.value,
        "active_key": draft.key,
        "own_key": draft.key,
        "turn": _next_turn(conn, draft.kind, draft.project, moment),
        "attempts": 0,
        "max_attempts": draft.max_attempts,
        "bytes_done": 0,
        "not_before": draft.not_before or moment,
        "cancel_requested": False,
        "fence": 0,
        "created_at": moment,
        "updated_at": moment,
    }
    if draft.key is None:
        conn.execute(_INSERT, row)
    elif (known := conn.scalar(_BY_KEY, {"key": draft.key})) is not None:
        return str(known), False
    else:
        try:
            with conn.begin_nested():
                conn.execute(_INSERT, row)
        except IntegrityError:
            # Another process was faster.
            known = conn.scalar(_BY_KEY.with_for_update(read=True), {"key": draft.key})
            if known is None:
                raise
            return str(known), False
    named = {"image_id": draft.image_id, "job_id": job_id, "project": draft.project}
    events.record(conn, "job.queued", **named, job_kind=draft.kind)
    return job_id, True


def get(conn: Connection, job_id: str) -> Job | None:
    row = conn.execute(_GET, {"id": job_id}).one_or_none()
    return None if row is None else to_job(row)


def get_active(conn: Connection, draft: JobDraft) -> Job | None:
    """The active job that does what the draft says, if there may be only one."""
    found = conn.scalar(_BY_KEY, {"key": draft.key})
    return None if found is None else get(conn, found)


def select_jobs(
    conn: Connection,
    *,
    states: Collection[JobState] = (),
    kind: str | None = None,
    image_id: str | None = None,
    project: str | None = None,
    limit: int = 100,
) -> list[Job]:
    """The newest jobs that fit, newest first."""
    statement = select(*COLUMNS).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
    if states:
        statement = statement.where(jobs.c.state.in_([state.value for state in states]))
    asked = {"kind": kind, "image_id": image_id, "project": project}
    for name, value in asked.items():
        if value is not None:
            statement = statement.where(jobs.c[name] == value)
    return [to_job(row) for row in conn.execute(statement)]


def counts(conn: Connection) -> Mapping[tuple[str, JobState], int]:
    """How many jobs there are of each kind in each state. Reads all of them."""
    return {(kind, JobState(state)): count for kind, state, count in conn.execute(_COUNT)}


def tally(
    conn: Connection, moment: datetime
) -> Mapping[tuple[str, JobState], tuple[int, datetime | None]]:
    """How many jobs there are of each kind that are active or failed, and since when the one that
    has waited for longest is due.

    Of each state 10,000 are counted at the most, those whose turn it is first.
    """
    return {
        (kind, state): (count, due)
        for state in (*ACTIVE, JobState.FAILED)
        for kind, count, due in conn.execute(_TALLY, {"state": state.value, "moment": moment})
    }


def request_cancel(conn: Connection, job_id: str, moment: datetime) -> bool:
    """Have the job end as soon as a worker notices; whether it was active."""
    statement = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.not_in(_ENDED))
        .values(cancel_requested=True, updated_at=moment)
    )
    return conn.execute(statement).rowcount == 1


def retry(conn: Connection, job_id: str, moment: datetime) -> bool:
    """Queue a parked or cancelled job anew, with all its attempts; whether it was one.

    Raises :class:`Conflict` if another job does the same by now.
    """
    of_job = jobs.c.id == job_id
    ended = or_(*(jobs.c.state == state for state in ("failed", "cancelled")))
    wanted = select(jobs.c.own_key, jobs.c.kind, jobs.c.project)
    row = conn.execute(wanted.where(of_job, ended)).one_or_none()
    if row is None:
        return False
    statement = (
        update(jobs)
        .where(of_job, ended)
        .values(
            state=JobState.QUEUED.value,
            active_key=row.own_key,
            turn=_next_turn(conn, row.kind, row.project, moment),
            attempts=0,
            cancel_requested=False,
            not_before=moment,
            updated_at=moment,
        )
    )
    try:
        return conn.execute(statement).rowcount == 1
    except IntegrityError as error:
        raise Conflict(f"Another job does already what job {job_id} was to do.") from error


def set_progress(conn: Connection, job_id: str, done: int, total: int | None) -> None:
    """How far a job came in the end: it may be done before its progress was recorded once."""
    statement = update(jobs).where(jobs.c.id == job_id)
    conn.execute(statement.values(bytes_done=done, bytes_total=total))


def set_payload(conn: Connection, job_id: str, payload: Mapping[str, Any]) -> None:
    """Change what a job is for; whoever works on it sees that when he looks again."""
    conn.execute(update(jobs).where(jobs.c.id == job_id).values(payload=json.dumps(dict(payload))))


def bring_forward(
    conn: Connection, job_id: str, payload: Mapping[str, Any], moment: datetime
) -> bool:
    """Have a job that waits for its time begin now, with another payload; whether it waited."""
    statement = (
        update(jobs)
        .where(jobs.c.id == job_id, _QUEUED)
        .values(not_before=moment, payload=_traced(payload), updated_at=moment)
    )
    return conn.execute(statement).rowcount == 1


def remove_ended(conn: Connection, before: datetime, limit: int) -> int:
    """Forget jobs that ended before a moment, ``limit`` at most; how many those were."""
    old = (
        select(jobs.c.id)
        .where(jobs.c.state.in_(_ENDED), jobs.c.updated_at < before)
        .order_by(jobs.c.updated_at)
        .limit(limit)
    )
    ids = list(conn.scalars(old))
    return conn.execute(delete(jobs).where(jobs.c.id.in_(ids))).rowcount if ids else 0


def to_job(row: Any) -> Job:
    """A job of a row of :data:`COLUMNS`."""
    values = dict(zip(_NAMES, row, strict=True))
    payload, state = json.loads(values["payload"]), JobState(values["state"])
    trace = payload.pop(_TRACE, None)
    return Job(**values | {"payload": payload, "state": state, _TRACE: trace})


def _traced(payload: Mapping[str, Any]) -> str:
    """As it is stored, with the trace that the job is queued in, if there is one."""
    trace = tracing.headers().get(_TRACE)
    return json.dumps({**payload, _TRACE: trace} if trace else dict(payload))


def _next_turn(conn: Connection, kind: str, project: str | None, moment: datetime) -> int:
    first = conn.scalar(_FIRST_TURN, {"moment": moment})
    if project is None:
        last = conn.scalar(_OF_NOBODY, {"kind": kind})
    else:
        last = conn.scalar(_OF_A_PROJECT, {"kind": kind, "project": project})
    return max(first or 0, 0 if last is None else last + 1)
