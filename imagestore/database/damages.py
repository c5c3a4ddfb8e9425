"""Damages: copies whose bytes are not those of their image, and how far the patrol is."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from imagestore.database.rows import load_after
from imagestore.database.schema import damages, patrol
from imagestore.model.image import Image, ImageStatus


class DamageState(StrEnum):
    DAMAGED = "damaged"
    """The copy is out of use."""
    REPAIRING = "repairing"
    """Its bytes are being replaced, or that was interrupted: the copy may be gone."""
    REPAIRED = "repaired"
    GONE = "gone"
    """The image or the copy was deleted."""


OPEN = frozenset({DamageState.DAMAGED, DamageState.REPAIRING})


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged copy. Times in UTC without zone."""

    location_id: int
    image_id: str
    store: str
    state: DamageState
    reason: str
    found_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pass is: every image up to the id ``position`` was looked at.

    ``unread``: copies that could not be read, or that have no digest to compare with.
    """

    position: str
    started_at: datetime
    finished_at: datetime | None
    images: int = 0
    bytes: int = 0
    damaged: int = 0
    repaired: int = 0
    unread: int = 0


def report(
    conn: Connection, location_id: int, image_id: str, store: str, reason: str, moment: datetime
) -> None:
    """A copy was found damaged, perhaps not for the first time."""
    values: dict[str, Any] = {
        "state": DamageState.DAMAGED.value,
        "reason": reason[:255],
        "updated_at": moment,
    }
    of_it = damages.c.location_id == location_id
    if conn.execute(update(damages).where(of_it).values(**values)).rowcount == 0:
        row = {"location_id": location_id, "image_id": image_id, "store": store, **values}
        conn.execute(insert(damages).values(found_at=moment, **row))


def set_state(
    conn: Connection,
    location_id: int,
    state: DamageState,
    moment: datetime,
    reason: str | None = None,
) -> None:
    """``reason``: why it is still damaged, if that is news."""
    more = {} if reason is None else {"reason": reason[:255]}
    conn.execute(
        update(damages)
        .where(damages.c.location_id == location_id)
        .values(state=state.value, updated_at=moment, **more)
    )


def list(
    conn: Connection,
    *,
    states: frozenset[DamageState] = OPEN,
    image_id: str | None = None,
    limit: int = 10_000,
) -> builtins.list[Damage]:
    """Damages in these states, the longest known first."""
    statement = (
        select(*damages.c)
        .where(damages.c.state.in_([state.value for state in states]))
        .order_by(damages.c.found_at, damages.c.location_id)
        .limit(limit)
    )
    if image_id is not None:
        statement = statement.where(damages.c.image_id == image_id)
    return [
        Damage(row[0], row[1], row[2], DamageState(row[3]), *row[4:])
        for row in conn.execute(statement)
    ]


def counts(conn: Connection) -> Mapping[str, int]:
    """Damaged copies by store."""
    statement = (
        select(damages.c.store, func.count())
        .where(damages.c.state.in_([state.value for state in OPEN]))
        .group_by(damages.c.store)
    )
    return {store: count for store, count in conn.execute(statement)}  # noqa: C416


def forget(conn: Connection, before: datetime) -> int:
    """Remove damages that were settled before a moment; how many."""
    settled = damages.c.state.not_in([state.value for state in OPEN])
    return conn.execute(delete(damages).where(settled, damages.c.updated_at < before)).rowcount


def progress(conn: Connection) -> Progress | None:
    """How far the patrol is; None if it never ran."""
    row = conn.execute(select(*patrol.c[*Progress.__slots__])).one_or_none()
    return None if row is None else Progress(*row)


def set_progress(conn: Connection, after: Progress) -> None:
    """Record how far the patrol is."""
    values = {name: getattr(after, name) for name in Progress.__slots__}
    if conn.execute(update(patrol).values(**values)).rowcount == 0:
        conn.execute(insert(patrol).values(id=1, **values))


def images_after(conn: Connection, image_id: str, limit: int) -> Sequence[Image]:
    """The images with data that follow an id, in the order of their ids."""
    return load_after(conn, image_id, (ImageStatus.ACTIVE, ImageStatus.DEACTIVATED), limit)
