"""Locations of an image: where its bytes lie."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, insert, select, true, update

from imagestore.database.expressions import not_deleted
from imagestore.database.rows import to_location
from imagestore.database.schema import image_locations
from imagestore.image import Location

_INSERT = insert(image_locations)

_LIST = (
    select(
        image_locations.c.id,
        image_locations.c.value,
        image_locations.c.meta_data,
        image_locations.c.status,
    )
    .where(image_locations.c.image_id == bindparam("image_id"), not_deleted(image_locations))
    .order_by(image_locations.c.id)
)

_CHANGE = update(image_locations).where(
    image_locations.c.id == bindparam("of_id"), not_deleted(image_locations)
)

_SET_STATUS = _CHANGE.values(status=bindparam("new_status"), updated_at=bindparam("moment"))

_REMOVE = _CHANGE.values(
    status="deleted", deleted=true(), deleted_at=bindparam("moment"), updated_at=bindparam("moment")
)


def add(
    conn: Connection, image_id: str, location: Location, moment: datetime | None = None
) -> None:
    """Record one more copy."""
    moment = moment or _now()
    row = {
        "image_id": image_id,
        "value": location.url,
        "meta_data": json.dumps(dict(location.metadata)),
        "status": location.status,
        "created_at": moment,
        "updated_at": moment,
        "deleted": False,
    }
    conn.execute(_INSERT, row)


def remove(conn: Connection, location_id: int) -> bool:
    """Forget a copy; whether it was there. The row stays, marked, as the peer leaves it."""
    parameters = {"of_id": location_id, "moment": _now()}
    return conn.execute(_REMOVE, parameters).rowcount > 0


def set_status(conn: Connection, location_id: int, status: str) -> bool:
    """Change the status of a copy (``active``, ``pending_delete``); whether it is there."""
    parameters = {"of_id": location_id, "new_status": status, "moment": _now()}
    return conn.execute(_SET_STATUS, parameters).rowcount > 0


def select_all(conn: Connection, image_id: str) -> list[Location]:
    """The copies of one image, the oldest first."""
    rows = conn.execute(_LIST, {"image_id": image_id})
    return [to_location(*row) for row in rows]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
