"""Locations of an image: where its bytes lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, false, func, insert, null, select, true, update

from imagestore.database.expressions import not_deleted
from imagestore.database.rows import LOCATION, to_location
from imagestore.database.schema import image_locations, images
from imagestore.database.sizes import fitting
from imagestore.model.clock import now
from imagestore.model.image import Location

_INSERT = insert(image_locations)

PENDING_DELETE = "pending_delete"
"""The status of a copy that is being removed; its row is marked deleted, as the peer has it."""

DAMAGED = "damaged"
"""The status of a copy whose bytes are not those of the image: it is not read."""

UNVERIFIED = "unverified"
"""The status of a location whose bytes have not been compared yet: it is not read from."""

_NOW: Any = bindparam("moment")
_ROW = update(image_locations).where(image_locations.c.id == bindparam("of_id"))
_CHANGE = _ROW.where(not_deleted(image_locations)).values(updated_at=_NOW)
_SET_STATUS = _CHANGE.values(status=bindparam("new_status"))
_REMOVE = _CHANGE.values(status="deleted", deleted=true(), deleted_at=_NOW)
_HIDE = _CHANGE.values(status=PENDING_DELETE, deleted=true(), deleted_at=_NOW)
_OF_HIDDEN = _ROW.where(image_locations.c.status == PENDING_DELETE).values(updated_at=_NOW)
_UNHIDE = _OF_HIDDEN.values(status="active", deleted=false(), deleted_at=null())
_FINISH = _OF_HIDDEN.values(status="deleted")
_HIDDEN = select(*LOCATION).where(
    image_locations.c.image_id == bindparam("image_id"), image_locations.c.status == PENDING_DELETE
)

_SET_METADATA = _CHANGE.where(image_locations.c.value == bindparam("of_url")).values(
    meta_data=bindparam("new_metadata")
)
_SET_URL = _CHANGE.where(image_locations.c.value == bindparam("of_url")).values(
    value=bindparam("new_url")
)
_SIBLINGS = select(image_locations.c.id, image_locations.c.value).where(
    image_locations.c.image_id.in_(
        select(image_locations.c.image_id).where(image_locations.c.id == bindparam("of_id"))
    ),
    not_deleted(image_locations),
)

_AFTER = (
    select(images.c.id, images.c.size, *LOCATION)
    .join_from(image_locations, images, images.c.id == image_locations.c.image_id)
    .where(
        image_locations.c.id > bindparam("after"),
        not_deleted(image_locations),
        not_deleted(images),
    )
    .order_by(image_locations.c.id)
    .limit(bindparam("number"))
)
_NEWEST = select(func.max(image_locations.c.id))
_EVERY = (
    select(image_locations.c.id, image_locations.c.value)
    .where(image_locations.c.id > bindparam("after"))
    .order_by(image_locations.c.id)
    .limit(bindparam("number"))
)
_RELOCATE = _ROW.where(image_locations.c.value == bindparam("was")).values(
    value=bindparam("new_url")
)

_TAKEN = (
    select(image_locations.c.id)
    .where(
        image_locations.c.value == bindparam("of_url"),
        image_locations.c.image_id != bindparam("not_of"),
        not_deleted(image_locations),
    )
    .limit(1)
)


def set_url(conn: Connection, location: Location, url: str) -> bool:
    """Its bytes are at another URL by now; whether that is recorded. Not if the image has a copy
    there already: two rows of one object would remove it with the first."""
    given = {"of_id": location.id, "of_url": location.url, "new_url": url, "moment": now()}
    if any(row.value == url for row in conn.execute(_SIBLINGS, given)):
        return False
    fitting(image_locations, {"value": url}, "A location")
    return conn.execute(_SET_URL, given).rowcount > 0


def relocate(
    conn: Connection, old: str, new: str, after: int, number: int, *, only_look: bool = False
) -> tuple[Sequence[tuple[str, str]], int | None]:
    """Put ``new`` in place of ``old`` where a URL begins so, in ``number`` rows after ``after``.

    What was changed into what (or would be: ``only_look``), and the last row that was looked at;
    None if there was none. Rows of copies that are gone are changed too: orphans are told by them.
    """
    rows = conn.execute(_EVERY, {"after": after, "number": number}).all()
    found = [(row.id, row.value) for row in rows if row.value.startswith(old)]
    changes = [(id_, url, new + url.removeprefix(old)) for id_, url in found]
    for id_, url, moved in () if only_look else changes:
        fitting(image_locations, {"value": moved}, "A location")
        conn.execute(_RELOCATE, {"of_id": id_, "was": url, "new_url": moved})
    return [(url, moved) for _, url, moved in changes], rows[-1].id if rows else None


def newest(conn: Connection) -> int:
    """The highest id of all rows; 0 if there are none."""
    return conn.scalar(_NEWEST) or 0


def after(conn: Connection, last: int, number: int) -> list[tuple[str, int | None, Location]]:
    """The next locations of all images, with id and size in bytes of the image."""
    rows = conn.execute(_AFTER, {"after": last, "number": number})
    return [(row[0], row[1], to_location(*row[2:])) for row in rows]


def is_taken(conn: Connection, url: str, image_id: str) -> bool:
    """Whether another image than ``image_id`` has a copy at that URL."""
    return conn.execute(_TAKEN, {"of_url": url, "not_of": image_id}).first() is not None


def add(conn: Connection, image_id: str, location: Location, moment: datetime | None = None) -> int:
    """Record one more copy; the id of its row."""
    moment = moment or now()
    row = {
        "image_id": image_id,
        "value": location.url,
        "meta_data": json.dumps(dict(location.metadata)),
        "status": location.status,
        "created_at": moment,
        "updated_at": moment,
        "deleted": False,
    }
    key = conn.execute(_INSERT, fitting(image_locations, row, "A location")).inserted_primary_key
    assert key is not None
    return int(key[0])


def remove(conn: Connection, location_id: int) -> bool:
    """Forget a copy; whether it was there. The row stays, marked, as the peer leaves it."""
    parameters = {"of_id": location_id, "moment": now()}
    return conn.execute(_REMOVE, parameters).rowcount > 0


def set_status(conn: Connection, location_id: int, status: str) -> bool:
    """Change the status of a copy (``active``, ``pending_delete``); whether it is there."""
    parameters = {"of_id": location_id, "new_status": status, "moment": now()}
    return conn.execute(_SET_STATUS, parameters).rowcount > 0


def hide(conn: Connection, location_id: int) -> bool:
    """Take a copy out of use, while its bytes are removed; whether it was in use."""
    return conn.execute(_HIDE, {"of_id": location_id, "moment": now()}).rowcount > 0


def unhide(conn: Connection, location_id: int) -> bool:
    """Its bytes could not be removed: the copy is in use again."""
    return conn.execute(_UNHIDE, {"of_id": location_id, "moment": now()}).rowcount > 0


def finish(conn: Connection, location_id: int) -> bool:
    """The bytes of a hidden copy are gone."""
    return conn.execute(_FINISH, {"of_id": location_id, "moment": now()}).rowcount > 0


def select_hidden(conn: Connection, image_id: str) -> list[Location]:
    """The copies of an image, deleted or not, whose bytes are still to be removed."""
    rows = conn.execute(_HIDDEN, {"image_id": image_id})
    return [to_location(*row) for row in rows]


def set_metadata(conn: Connection, location: Location, metadata: Mapping[str, str]) -> bool:
    """Change what is kept with a copy, if it is still at the same URL; whether it is."""
    parameters = {
        "of_id": location.id,
        "of_url": location.url,
        "new_metadata": json.dumps(dict(metadata)),
        "moment": now(),
    }
    fitting(image_locations, {"meta_data": parameters["new_metadata"]}, "The metadata")
    return conn.execute(_SET_METADATA, parameters).rowcount > 0
