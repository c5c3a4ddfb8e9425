"""Copies that were made for a rule of replication, by their locations.

A location without a row here was asked for by a user, and is never removed by a rule.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from imagestore.database.expressions import not_deleted
from imagestore.database.rows import load_after
from imagestore.database.schema import image_locations, jobs, replicas
from imagestore.model.image import Image, ImageStatus
from imagestore.model.job import JobState

_INSERT = insert(replicas)
_REMOVE = delete(replicas).where(replicas.c.location_id == bindparam("of_id"))
_MARK = (
    update(replicas)
    .where(replicas.c.location_id == bindparam("of_id"))
    .values(unwanted_since=bindparam("moment"))
)


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy that a rule asked for; ``unwanted_since``: in UTC without zone, None if wanted."""

    location_id: int
    image_id: str
    unwanted_since: datetime | None = None


def add(conn: Connection, image_id: str, location_id: int) -> None:
    """The location was made for a rule."""
    # SQLite gives the id of a row that was purged again.
    conn.execute(_REMOVE, {"of_id": location_id})
    conn.execute(_INSERT, {"location_id": location_id, "image_id": image_id})


def remove(conn: Connection, location_id: int) -> bool:
    """The location is gone, or a user wants it now; whether it had been made for a rule."""
    return conn.execute(_REMOVE, {"of_id": location_id}).rowcount > 0


def mark(conn: Connection, location_id: int, moment: datetime | None) -> None:
    """No rule wants the copy since ``moment``; None: one does again."""
    conn.execute(_MARK, {"of_id": location_id, "moment": moment})


def of_images(conn: Connection, image_ids: Collection[str]) -> dict[int, Replica]:
    """By the id of the location."""
    if not image_ids:
        return {}
    columns = (replicas.c.location_id, replicas.c.image_id, replicas.c.unwanted_since)
    rows = conn.execute(select(*columns).where(replicas.c.image_id.in_(list(image_ids))))
    return {location_id: Replica(location_id, *rest) for location_id, *rest in rows}


def forget_gone(conn: Connection, limit: int) -> int:
    """Remove rows whose location is gone, ``limit`` at most; how many those were."""
    there = exists().where(
        image_locations.c.id == replicas.c.location_id,
        image_locations.c.image_id == replicas.c.image_id,
        not_deleted(image_locations),
    )
    # One that is being removed may be shown again if the store refuses.
    hidden = exists().where(
        image_locations.c.id == replicas.c.location_id,
        image_locations.c.status == "pending_delete",
    )
    gone = select(replicas.c.location_id).where(~there, ~hidden).limit(limit)
    ids = list(conn.scalars(gone))
    if not ids:
        return 0
    return conn.execute(delete(replicas).where(replicas.c.location_id.in_(ids))).rowcount


def page(conn: Connection, after: str, limit: int) -> list[Image]:
    """Active images in the order of their ids, those that follow ``after``, with all they have."""
    return load_after(conn, after, (ImageStatus.ACTIVE,), limit)


def parked(conn: Connection, image_id: str, own_key: str | None) -> str | None:
    """The newest job on the image with that key if it is parked: its id."""
    statement = (
        select(jobs.c.id, jobs.c.state)
        .where(jobs.c.image_id == image_id, jobs.c.own_key == own_key)
        .order_by(jobs.c.created_at.desc())
        .limit(1)
    )
    row = conn.execute(statement).one_or_none()
    return row.id if row is not None and row.state == JobState.FAILED.value else None


def hasten(conn: Connection, kind: str, targets: Collection[str], moment: datetime) -> int:
    """Have jobs that wait for their next attempt begin now; how many those were."""
    statement = (
        update(jobs)
        .where(
            jobs.c.kind == kind,
            jobs.c.state == JobState.QUEUED.value,
            jobs.c.target.in_(list(targets)),
            jobs.c.not_before > moment,
        )
        .values(not_before=moment)
    )
    return conn.execute(statement).rowcount
