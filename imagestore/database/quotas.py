"""What a project uses, and what it has reserved for transfers under way.

A reservation belongs to a journal row and counts as long as that is open, so that what a
dead process had reserved is free again when its upload is undone. Whoever decides by these numbers
goes through the gate of the project first: of several at once, on all nodes, one counts
at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from imagestore.config.store_sections import STAGING
from imagestore.database import gates
from imagestore.database import images as image_rows
from imagestore.database.expressions import exact
from imagestore.database.schema import (
    image_properties,
    images,
    journal,
    quota_gates,
    reservations,
)

_COPYING = "os_glance_importing_to_stores"
_GONE = ("killed", "pending_delete", "deleted")
_STAGED = ("uploading", "importing")
_TRANSFERRED = ("saving", *_STAGED)

_RESERVED = (
    select(func.sum(reservations.c.bytes))
    .join(journal, journal.c.id == reservations.c.entry)
    .where(reservations.c.project == bindparam("of_project"))
)
_is_staging = journal.c.store.startswith(STAGING, autoescape=True)

_of_project = and_(exact(images.c.owner, bindparam("owner")), images.c.status.not_in(_GONE))
_is_copied = (
    select(image_properties.c.id)
    .where(
        image_properties.c.image_id == images.c.id,
        image_properties.c.name == _COPYING,
        image_properties.c.value != "",
    )
    .exists()
)
_COUNT = select(func.count()).select_from(images).where(_of_project)
_UPLOADING = _COUNT.where(or_(images.c.status.in_(_TRANSFERRED), _is_copied))
_STAGE = select(func.sum(images.c.size)).where(
    _of_project, or_(images.c.status.in_(_STAGED), _is_copied)
)
# What an import under way takes is reserved: its staged bytes do not count twice.
_LIES_STAGED = select(func.sum(images.c.size)).where(
    _of_project,
    images.c.status.in_(_STAGED),
    ~select(journal.c.id).where(journal.c.image_id == images.c.id).exists(),
)


def _together(*parts: Select[Any]) -> Select[Any]:
    """In one statement, which sees one moment: bytes that go over from one part to another in
    the next are never in neither."""
    sums = (func.coalesce(part.scalar_subquery(), 0) for part in parts)
    return select(sum(sums, literal(0)))


_SIZE_TOTAL = _together(image_rows.USAGE, _RESERVED.where(~_is_staging))
_STAGE_TOTAL = _together(_STAGE, _RESERVED.where(_is_staging))
_HELD_TOTAL = _together(image_rows.USAGE, _LIES_STAGED, _RESERVED)


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one project; sizes in bytes. ``size_total``: with what is reserved."""

    size_total: int
    stage_total: int
    count_total: int
    count_uploading: int


def enter(conn: Connection, project: str) -> None:
    """Wait until nobody else counts for the project; until the transaction ends nobody does."""
    gates.enter(conn, quota_gates.c.project, project)


def size_total(conn: Connection, project: str) -> int:
    """Bytes that the project's images take in stores, and that its transfers have reserved."""
    return _bytes(conn, _SIZE_TOTAL, project)


def held_total(conn: Connection, project: str) -> int:
    """Bytes that the project has in stores, staged and reserved."""
    return _bytes(conn, _HELD_TOTAL, project)


def count_total(conn: Connection, project: str) -> int:
    return int(conn.scalar(_COUNT, {"owner": project}) or 0)


def count_uploading(conn: Connection, project: str) -> int:
    """Images whose data is coming in, or being copied to further stores."""
    return int(conn.scalar(_UPLOADING, {"owner": project}) or 0)


def stage_total(conn: Connection, project: str) -> int:
    """Bytes of images that are staged, imported or copied, or on their way there."""
    return _bytes(conn, _STAGE_TOTAL, project)


def _bytes(conn: Connection, statement: Select[Any], project: str) -> int:
    return int(conn.scalar(statement, {"owner": project, "of_project": project}) or 0)


def usage(conn: Connection, project: str) -> Usage:
    return Usage(
        size_total(conn, project),
        stage_total(conn, project),
        count_total(conn, project),
        count_uploading(conn, project),
    )


def reserved_total(conn: Connection) -> int:
    """Bytes that the transfers under way of all projects have reserved: a row for each."""
    return int(conn.scalar(select(func.sum(reservations.c.bytes))) or 0)


def reserve(conn: Connection, entry: str, project: str, size: int) -> None:
    """Count ``size`` bytes for the transfer of a journal row."""
    conn.execute(insert(reservations).values(entry=entry, project=project, bytes=size))


def resize(conn: Connection, entry: str, size: int) -> None:
    conn.execute(update(reservations).where(reservations.c.entry == entry).values(bytes=size))


def release(conn: Connection, entry: str) -> None:
    """Of the transaction that records the transfer, or undoes it."""
    conn.execute(delete(reservations).where(reservations.c.entry == entry))
