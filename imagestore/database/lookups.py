"""The few images that a filter leaves, found by the index on what it asks for.

A list in order of creation can be had in two ways: walk that order and test each
image, or find all images that match and sort them. The first is quick where many
match, the second where few do, and only the data can tell which it is. So the
matches of each filter that has an index are counted, no further than is worth it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, false, func, select

from imagestore.database.expressions import PREFIX_LENGTH, begins_alike, residual
from imagestore.database.filters import ConditionShape, compare
from imagestore.database.schema import image_properties, image_tags, images
from imagestore.model.query import Condition, ImageQuery, Op

FEW = 1000
"""The most matches that are sorted rather than walked past."""
_VERY_FEW = 50
"""So few that no other filter is asked whether it has fewer."""

_BY_COLUMN = frozenset({"name", "status", "checksum", "os_hash_value"})
"""Columns of the image that have an index."""


class LookupKind(Enum):
    ID = "id"
    COLUMN = "column"
    PROPERTY = "property"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The filter to find images by: which of its kind, and for a column also what is compared."""

    kind: LookupKind
    number: int
    condition: ConditionShape | None = None


def few(
    conn: Connection,
    query: ImageQuery,
    conditions: Sequence[Condition],
    values: Mapping[str, Any],
) -> Lookup | None:
    """The lookup with the fewest matches; None if all have more than :data:`FEW`."""
    best, least = None, FEW + 1
    for lookup in _lookups(query, conditions):
        if lookup.kind is LookupKind.ID:
            return lookup
        counted = conn.scalar(_count(lookup), {**values, "few": FEW + 1})
        if counted is not None and counted < least:
            best, least = lookup, counted
            if least <= _VERY_FEW:
                break
    return best


def values_of(query: ImageQuery) -> dict[str, Any]:
    """The parameters that lookups have beside those of the filters."""
    return {
        f"p{number}_prefix": value[:PREFIX_LENGTH]
        for number, (_, value) in enumerate(query.properties)
    }


def is_among(lookup: Lookup) -> ColumnElement[bool]:
    """A condition on images that is true for all that match; it may be for a few others."""
    if lookup.kind is LookupKind.ID:
        assert lookup.condition is not None
        return compare(lookup.condition, lookup.number)
    return images.c.id.in_(_ids(lookup))


def _lookups(query: ImageQuery, conditions: Sequence[Condition]) -> list[Lookup]:
    """All that there are, the sharpest kinds first."""
    columns = [
        Lookup(
            LookupKind.ID if condition.column == "id" else LookupKind.COLUMN,
            number,
            (condition.column, condition.op),
        )
        for number, condition in enumerate(conditions)
        if condition.op in (Op.EQ, Op.IN) and condition.column in {"id", *_BY_COLUMN}
    ]
    columns.sort(key=lambda lookup: lookup.kind is not LookupKind.ID)
    properties = [Lookup(LookupKind.PROPERTY, number) for number in range(len(query.properties))]
    tags = [Lookup(LookupKind.TAG, number) for number in range(len(query.tags))]
    return columns + properties + tags


@lru_cache(maxsize=256)
def _count(lookup: Lookup) -> Select[Any]:
    some = _ids(lookup).limit(bindparam("few")).subquery()
    return select(func.count()).select_from(some)


def _ids(lookup: Lookup) -> Select[Any]:
    """Ids of images, found and read in an index alone where it holds all that is asked."""
    number = lookup.number
    if lookup.kind is LookupKind.PROPERTY:
        table = image_properties.alias()
        return select(table.c.image_id).where(
            table.c.name == bindparam(f"p{number}_name"),
            # Not the whole value: SQLite would put it in here and lose the index.
            begins_alike(
                table.c.value, bindparam(f"p{number}_prefix"), bindparam(f"p{number}_value")
            ),
            table.c.deleted == false(),
        )
    if lookup.kind is LookupKind.TAG:
        table = image_tags.alias()
        return select(table.c.image_id).where(
            table.c.value == bindparam(f"t{number}"), table.c.deleted == false()
        )
    assert lookup.condition is not None
    table = images.alias()
    deleted = table.c.deleted == false()
    return select(table.c.id).where(
        compare(lookup.condition, number, table),
        deleted if lookup.condition[0] in ("name", "status") else residual(deleted),
    )
