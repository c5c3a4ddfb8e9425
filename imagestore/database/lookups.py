"""The few images that a filter leaves, found by the index on what it asks for.

A list in order of creation can be had in two ways: walk that order and test each
image, or find all images that match and sort them. The first is quick where many
match, the second where few do, and only the data can tell which it is. So each
filter that has an index is asked for a few more matches than are worth sorting.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, select

from imagestore.database.expressions import PREFIX_LENGTH, not_deleted, prefix, residual
from imagestore.database.schema import image_properties, image_tags, images
from imagestore.query import ImageQuery, Op

FEW = 500
"""The most matches that are sorted rather than walked past."""

_COLUMNS = frozenset({"name", "checksum", "os_hash_value"})
"""Columns of the image with an index that few rows share a value of."""

_LIMIT: Any = bindparam("limit")

_BY_PROPERTY = (
    select(image_properties.c.image_id)
    .where(
        image_properties.c.name == bindparam("name"),
        prefix(image_properties.c.value) == bindparam("beginning", type_=String),
        # Only the rest of the value: SQLite would put it into the term above and lose the index.
        residual(image_properties.c.value == bindparam("value")),
        not_deleted(image_properties),
    )
    .limit(_LIMIT)
)

_BY_TAG = (
    select(image_tags.c.image_id)
    .where(image_tags.c.value == bindparam("value"), not_deleted(image_tags))
    .limit(_LIMIT)
)


def few_ids(conn: Connection, query: ImageQuery) -> list[str] | None:
    """Ids that hold all images the query matches, at most :data:`FEW`; None if there are more.

    They match one of the filters; the others, and whether the caller may see
    them, are still to be tested.
    """
    for condition in query.conditions:
        if condition.op is Op.IN and not condition.value:
            return []
    for condition in query.conditions:
        if condition.column == "id" and condition.op in (Op.EQ, Op.IN):
            wanted = condition.value if condition.op is Op.IN else (condition.value,)
            if len(wanted) <= FEW:
                return list(wanted)
    for statement, values in _lookups(query):
        rows = conn.execute(statement, {**values, "limit": FEW + 1}).all()
        if len(rows) <= FEW:
            return [row[0] for row in rows]
    return None


def _lookups(query: ImageQuery) -> list[tuple[Select[Any], dict[str, Any]]]:
    found: list[tuple[Select[Any], dict[str, Any]]] = []
    for condition in query.conditions:
        if condition.column in _COLUMNS and condition.op in (Op.EQ, Op.IN):
            wanted = condition.value if condition.op is Op.IN else (condition.value,)
            found.append((_by_column(condition.column), {"values": list(wanted)}))
    for name, value in query.properties:
        values = {"name": name, "value": value, "beginning": value[:PREFIX_LENGTH]}
        found.append((_BY_PROPERTY, values))
    found += [(_BY_TAG, {"value": tag}) for tag in query.tags]
    return found


@lru_cache(maxsize=len(_COLUMNS))
def _by_column(name: str) -> Select[Any]:
    column = images.c[name]
    return (
        select(images.c.id)
        .where(
            column.in_(bindparam("values", expanding=True, type_=String)),
            not_deleted(images),
        )
        .limit(_LIMIT)
    )
