"""Custom properties of an image: one row a name, written only where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, delete, false, update
from sqlalchemy import insert as sql_insert
from sqlalchemy.exc import IntegrityError

from imagestore.database.expressions import exact, exactly_one_of
from imagestore.database.schema import image_properties
from imagestore.database.sizes import fitting
from imagestore.model.clock import now
from imagestore.model.errors import Conflict

_INSERT = sql_insert(image_properties)

_SET = (
    update(image_properties)
    .where(
        image_properties.c.image_id == bindparam("of_image"),
        exact(image_properties.c.name, bindparam("of_name")),
    )
    .values(
        value=bindparam("new_value"),
        updated_at=bindparam("moment"),
        deleted=false(),
        deleted_at=None,
    )
)

_DELETE = delete(image_properties).where(
    image_properties.c.image_id == bindparam("image_id"),
    exactly_one_of(
        image_properties.c.name.in_(bindparam("names", expanding=True, type_=String)),
        image_properties.c.name,
    ),
)


def insert(
    conn: Connection, image_id: str, properties: Mapping[str, str], moment: datetime
) -> None:
    """Write properties of which the image has no row yet.

    Raises :class:`Conflict` for names that the database takes for the same.
    """
    rows = [
        {
            "image_id": image_id,
            "name": name,
            "value": value,
            "created_at": moment,
            "updated_at": moment,
            "deleted": False,
        }
        for name, value in properties.items()
    ]
    for row in rows:
        fitting(image_properties, row, f"Property '{str(row['name'])[:40]}'")
    try:
        conn.execute(_INSERT, rows)
    except IntegrityError as error:
        # In tables that Glance made in MySQL: the constraint is blind to case and accents.
        raise Conflict("Two properties of an image may not differ in case alone here.") from error


def replace(
    conn: Connection, image_id: str, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Make the rows of ``before`` those of ``after``; names in neither are not touched.

    Two callers who change different names do not undo each other's work.
    """
    moment = now()
    removed = [name for name in before if name not in after]
    if removed:
        conn.execute(_DELETE, {"image_id": image_id, "names": removed})
    new = {}
    for name, value in after.items():
        if name in before and before[name] == value:
            continue
        # The peer leaves deleted rows behind, which keep the name taken: those are revived.
        if not _set(conn, image_id, name, value, moment):
            new[name] = value
    if new:
        insert(conn, image_id, new, moment)


def _set(conn: Connection, image_id: str, name: str, value: str, moment: datetime) -> bool:
    fitting(image_properties, {"value": value}, f"Property '{name[:40]}'")
    parameters = {"of_image": image_id, "of_name": name, "new_value": value, "moment": moment}
    return conn.execute(_SET, parameters).rowcount > 0
