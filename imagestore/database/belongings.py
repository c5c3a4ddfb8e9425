"""What the database says of things that are named for an image: whether somebody needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, case, or_, select

from imagestore.database.expressions import not_deleted
from imagestore.database.rows import LOCATION, to_location
from imagestore.database.schema import (
    image_locations,
    image_properties,
    images,
    jobs,
    journal,
    tombstones,
)
from imagestore.model.image import DELETED_STATUSES, Location
from imagestore.model.job import ACTIVE

_IMPORTING = ("os_glance_import_task", "os_glance_importing_to_stores")
"""Properties of an image into which the peer copies bytes, of which no row of ours tells."""


UNKNOWN = "unknown"


@dataclass(slots=True)
class Belonging:
    """What there is of one image. ``status``: of its row, ``deleted`` also for one that is marked
    so, ``unknown`` if the id was never in use.

    ``busy``: bytes are on their way, or a job is to see to it. ``locations``: all whose bytes are
    not known to be removed; ``former``: the others.
    """

    status: str = UNKNOWN
    busy: bool = False
    locations: list[Location] = field(default_factory=list)
    former: list[Location] = field(default_factory=list)


_IDS = bindparam("ids", expanding=True, type_=String)
_IMAGES = select(images.c.id, images.c.status, images.c.deleted).where(images.c.id.in_(_IDS))
_PURGED = select(tombstones.c.image_id).where(tombstones.c.image_id.in_(_IDS))
_ALIVE = or_(image_locations.c.status != "deleted", not_deleted(image_locations))
_LOCATIONS = select(image_locations.c.image_id, case((_ALIVE, 1), else_=0), *LOCATION).where(
    image_locations.c.image_id.in_(_IDS)
)
_BUSY: tuple[Select[Any], ...] = (
    select(journal.c.image_id).where(journal.c.image_id.in_(_IDS)),
    select(jobs.c.image_id).where(
        jobs.c.image_id.in_(_IDS), jobs.c.state.in_([state.value for state in ACTIVE])
    ),
    select(image_properties.c.image_id).where(
        image_properties.c.image_id.in_(_IDS),
        image_properties.c.name.in_(_IMPORTING),
        image_properties.c.value != "",
        not_deleted(image_properties),
    ),
)
_ALL_LOCATIONS = (
    select(image_locations.c.id, image_locations.c.image_id, image_locations.c.value)
    .where(image_locations.c.id > bindparam("after"), _ALIVE)
    .order_by(image_locations.c.id)
    .limit(bindparam("number"))
)
_WORK_ON_IT = select(jobs.c.id).where(
    jobs.c.payload.like(bindparam("pattern")), jobs.c.state.in_([each.value for each in ACTIVE])
)


def of_images(conn: Connection, ids: Iterable[str]) -> Mapping[str, Belonging]:
    """By id, in small letters; every id that was asked for is there."""
    asked = list(ids)
    found = {image_id.lower(): Belonging() for image_id in asked}
    if not asked:
        return found
    given = {"ids": asked}

    def one(image_id: str) -> Belonging:
        # A database may compare without regard to case, and give more than was asked for.
        return found.setdefault(image_id.lower(), Belonging())

    for image_id in conn.scalars(_PURGED, given):
        one(image_id).status = "deleted"
    for image_id, status, deleted in conn.execute(_IMAGES, given):
        gone = deleted and status not in DELETED_STATUSES
        one(image_id).status = "deleted" if gone else status
    for image_id, alive, *location in conn.execute(_LOCATIONS, given):
        its = one(image_id)
        (its.locations if alive else its.former).append(to_location(*location))
    for statement in _BUSY:
        for image_id in conn.scalars(statement, given):
            one(image_id).busy = True
    return found


def locations_after(conn: Connection, after: int, number: int) -> Sequence[tuple[int, str, str]]:
    """Id, image and URL of the locations that follow, whose bytes are not known to be removed."""
    rows = conn.execute(_ALL_LOCATIONS, {"after": after, "number": number})
    return [(row[0], row[1], row[2]) for row in rows]


def is_named_by_job(conn: Connection, image_id: str) -> bool:
    """Whether the id stands in what a job is to do, such as a location that it is to add."""
    return conn.execute(_WORK_ON_IT, {"pattern": f"%{image_id}%"}).first() is not None


def projects(conn: Connection) -> list[str]:
    """All that have or had images."""
    found = conn.scalars(select(images.c.owner).where(images.c.owner.is_not(None)).distinct())
    return [each for each in found if each]
