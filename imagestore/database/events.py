"""Events: what happened to images and jobs, as rows that are written with the change itself.

A row that is written in the transaction of a change is there when the change is, and
not otherwise. Numbers grow, but a transaction that ends late may show a lower one after a
higher: whoever reads along uses :class:`Position`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from imagestore.database.rows import COLUMNS, to_image
from imagestore.database.schema import events, image_members, images, jobs
from imagestore.model.clock import now
from imagestore.model.image import Image
from imagestore.model.job import JobState
from imagestore.observing.context import current

_INSERT = insert(events)
_LAST = select(func.max(events.c.id))
_FIRST = select(func.min(events.c.id))

LATE = timedelta(seconds=30)
"""The longest that a transaction takes from its event to its end."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row. ``moment`` in UTC without zone. ``project``: for a job, whom it is done for."""

    id: int
    moment: datetime
    kind: str
    image_id: str | None
    job_id: str | None
    project: str | None
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """An image as far as it decides who may hear of it, also of one that is deleted."""

    image: Image
    members: frozenset[str]


@dataclass(slots=True)
class Position:
    """How far a reader is: all up to ``settled``, and of what follows those in ``seen``."""

    settled: int
    seen: set[int] = field(default_factory=set)

    def advance(self, found: Iterable[Event], moment: datetime) -> list[Event]:
        """Those of ``found``, all that follow ``settled`` in order, that are new."""
        new: list[Event] = []
        is_whole = True
        for event in found:
            if event.id not in self.seen:
                new.append(event)
                self.seen.add(event.id)
            is_whole = is_whole and (event.id == self.settled + 1 or event.moment < moment - LATE)
            if is_whole:
                self.settled = event.id
        self.seen = {number for number in self.seen if number > self.settled}
        return new


def record(
    conn: Connection,
    kind: str,
    *,
    image_id: str | None = None,
    job_id: str | None = None,
    project: str | None = None,
    **document: Any,
) -> None:
    """Write an event in the transaction of what it tells of, with who has brought it about."""
    if (who := current.get()) is not None:
        document["by"] = who.known()
    conn.execute(
        _INSERT,
        {
            "moment": now(),
            "kind": kind,
            "image_id": image_id,
            "job_id": job_id,
            "project": project,
            "document": json.dumps(document),
        },
    )


def last(conn: Connection) -> int:
    """The highest number so far; 0 if there is none."""
    return int(conn.scalar(_LAST) or 0)


def recent(conn: Connection, number: int) -> Position:
    """The position of a reader who has everything that is there; ``number``: events that are
    looked through for such that are still missing."""
    newest = last(conn)
    settled = max(newest - number, first(conn) - 1, 0)
    ids = select(events.c.id).where(events.c.id > settled, events.c.id <= newest)
    return Position(settled, set(conn.scalars(ids)))


def first(conn: Connection) -> int:
    """The lowest number that is still kept; 0 if there is none."""
    return int(conn.scalar(_FIRST) or 0)


def select_after(conn: Connection, number: int, limit: int) -> list[Event]:
    """The events that follow a number, in order."""
    columns = events.c[*Event.__slots__]
    statement = select(*columns).where(events.c.id > number).order_by(events.c.id).limit(limit)
    rows = conn.execute(statement)
    return [Event(**{**row._mapping, "document": json.loads(row.document)}) for row in rows]


def subjects(conn: Connection, image_ids: Sequence[str]) -> dict[str, Subject]:
    """The images of these ids, deleted or not, with those they are or were shared with."""
    if not image_ids:
        return {}
    ids: Any = bindparam("ids", expanding=True)
    parameters = {"ids": list(image_ids)}
    rows = conn.execute(
        select(*COLUMNS, images.c.deleted_at).where(images.c.id.in_(ids)), parameters
    )
    found = {row[0]: (to_image(row[:-1]), row.deleted_at) for row in rows}
    members: dict[str, set[str]] = {image_id: set() for image_id in found}
    table = image_members
    statement = select(table.c.image_id, table.c.member, table.c.deleted_at).where(
        table.c.image_id.in_(ids)
    )
    for image_id, member, deleted_at in conn.execute(statement, parameters):
        # Those of a deleted image went with it.
        if deleted_at is None or deleted_at == found[image_id][1]:
            members[image_id].add(member)
    return {
        image_id: Subject(image, frozenset(members[image_id]))
        for image_id, (image, _) in found.items()
    }


def running_jobs(
    conn: Connection,
) -> list[tuple[str, str, str | None, str | None, int, int | None]]:
    """Id, kind, image, project, bytes done and in total of each job that runs."""
    columns = jobs.c["id", "kind", "image_id", "project", "bytes_done", "bytes_total"]
    statement = select(*columns).where(jobs.c.state == JobState.RUNNING.value)
    return [tuple(row) for row in conn.execute(statement)]


def purge(conn: Connection, before: datetime, kept: int, limit: int) -> int:
    """Forget events that are older than a moment, or of which ``kept`` younger ones are there.

    ``limit`` at the most; how many it was.
    """
    old = select(events.c.id).where((events.c.moment < before) | (events.c.id <= last(conn) - kept))
    ids = list(conn.scalars(old.order_by(events.c.id).limit(limit)))
    return conn.execute(delete(events).where(events.c.id.in_(ids))).rowcount if ids else 0
