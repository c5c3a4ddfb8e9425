"""The few images that a filter leaves, found by the index on what it asks for.

A list in order of creation can be had in two ways: walk that order and test each
image, or find all images that match and sort them. The first is quick where many
match, the second where few do, and only the data can tell which it is. So the
matches of each filter that has an index are counted, no further than is worth it.
Where many match each of two filters, and few or none both, neither is quick; then
what two indexes have in common is found in them alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    bindparam,
    false,
    select,
)

from imagestore.database.expressions import (
    PREFIX_LENGTH,
    counted,
    fenced,
    found_in,
    is_long_and_begins,
    is_short_and,
    residual,
)
from imagestore.database.filters import ConditionShape, compare, of_property, of_tag
from imagestore.database.schema import (
    OF_PROPERTY,
    OF_TAG,
    ORDERS,
    image_properties,
    image_tags,
    images,
)
from imagestore.database.walks import Shape
from imagestore.model.query import ImageQuery, Op

FEW = 1000
"""The most matches that are sorted rather than walked past."""
MANY = 30_000
"""The most that are sorted where walking past as many images found no page."""
_VERY_FEW = 50
"""So few that no other filter is asked whether it has fewer."""

_SHARP = frozenset(
    {"name", "status", "checksum", "os_hash_value", "disk_format", "container_format"}
)
"""Columns of the image that have an index."""
_RANGES = frozenset({"size", "created_at", "updated_at"})
"""Those that have one in which ranges are found."""


class LookupKind(Enum):
    ID = "id"
    COLUMN = "column"
    RANGE = "range"
    PROPERTY = "property"
    TAG = "tag"


PROPERTY, TAG = LookupKind.PROPERTY, LookupKind.TAG
_INDEXES = {PROPERTY: OF_PROPERTY, TAG: OF_TAG}


@dataclass(frozen=True, slots=True)
class Lookup:
    """The filter to find images by: which of its kind, and for a column also what is compared.

    ``is_long``: whether the value of a property is. ``conditions``: by number. ``others``: what
    has to be found as well.
    """

    kind: LookupKind
    number: int = 0
    is_long: bool = False
    conditions: tuple[tuple[int, ConditionShape], ...] = ()
    others: tuple[Lookup, ...] = ()


def few(conn: Connection, shape: Shape, values: Mapping[str, Any]) -> Lookup | None:
    """The lookup with the fewest matches; None if all have more than :data:`FEW`."""
    # Lookups find nothing that is gone.
    return _least(conn, _lookups(shape), values, FEW) if shape.deleted is False else None


def least(conn: Connection, shape: Shape, values: Mapping[str, Any]) -> Lookup | None:
    """The lookup with the fewest matches, where all have many; or what the tags and properties
    have in common. None: there are none."""
    found = _lookups(shape) if shape.deleted is False else []
    best = _least(conn, found, values, MANY)
    of_children = [one for one in found if one.kind in (PROPERTY, TAG)]
    if best is not None or not of_children:
        return best
    first, *others = reversed(of_children)
    return replace(first, others=tuple(others))


def _least(
    conn: Connection, found: Sequence[Lookup], values: Mapping[str, Any], most: int
) -> Lookup | None:
    best, least = None, most + 1
    for lookup in found:
        if lookup.kind is LookupKind.ID:
            return lookup
        counted = conn.scalar(_count(lookup), {**values, "few": most + 1})
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


def found_by(lookup: Lookup, *, merged: bool) -> FromClause:
    """The ids of all images that match, each once; they may be those of a few others.

    ``merged``: what lookups have in common is had by reading both in the order of ids, in
    PostgreSQL, which may take one for empty and then compare each of it with all of another.
    """
    if not merged or not lookup.others:
        return _ids(lookup).distinct().subquery()
    found = _in_order(replace(lookup, others=()))
    for other in lookup.others:
        beside = _in_order(other)
        # Which it can only do so.
        both = found.join(beside, found.c[0] == beside.c[0], full=True)
        pairs = fenced(select(found.c[0].label("a"), beside.c[0].label("b")).select_from(both))
        joined = pairs.subquery()
        in_both = joined.c.a.is_not(None), joined.c.b.is_not(None)
        found = select(joined.c.a).where(*in_both).subquery()
    return select(found.c[0]).distinct().subquery()


def _in_order(lookup: Lookup) -> FromClause:
    found = _ids(lookup)
    return fenced(found.order_by(*found.selected_columns)).subquery()


def decides(lookup: Lookup, kind: LookupKind, number: int) -> bool:
    """Whether what is found has passed that filter by a property or tag."""
    return any(
        (one.kind, one.number) == (kind, number) and not one.is_long
        for one in (lookup, *lookup.others)
    )


def _lookups(shape: Shape) -> list[Lookup]:
    """All that there are, the sharpest kinds first."""
    numbered = list(enumerate(shape.conditions))
    equal = [one for one in numbered if one[1][1] in (Op.EQ, Op.IN)]
    found = [Lookup(LookupKind.ID, conditions=(one,)) for one in equal if one[1][0] == "id"]
    found += [Lookup(LookupKind.COLUMN, conditions=(one,)) for one in equal if one[1][0] in _SHARP]
    for column in sorted(_RANGES - {shape.sort[0].key}):
        asked = tuple(one for one in numbered if one[1][0] == column and one[1][1] is not Op.NEQ)
        if asked:
            found.append(Lookup(LookupKind.RANGE, conditions=asked))
    found += (
        Lookup(LookupKind.PROPERTY, number, is_long)
        for number, is_long in enumerate(shape.properties)
    )
    found += (Lookup(LookupKind.TAG, number) for number in range(shape.tags))
    return found


@lru_cache(maxsize=256)
def _count(lookup: Lookup) -> Select[Any]:
    return counted(_ids(lookup))


def _ids(lookup: Lookup) -> Select[Any]:
    """Ids of images, found and read in an index alone where it holds all that is asked."""
    table, column, conditions = _found_by(lookup)
    found, tables = table, [(lookup.kind, table)]
    for other in lookup.others:
        # A join, for the database to begin with the rarer one.
        table, beside, more = _found_by(other)
        found = found.join(table, beside == column)
        conditions += more
        tables.append((other.kind, table))
    ids = select(column).select_from(found).where(*conditions)
    for kind, table in tables:
        if kind in _INDEXES:
            ids = found_in(ids, table, _INDEXES[kind])
    return ids


def _found_by(
    lookup: Lookup,
) -> tuple[FromClause, ColumnElement[str], list[ColumnElement[bool]]]:
    """A table, its column of ids, and what it is searched for."""
    number = lookup.number
    if lookup.kind is LookupKind.PROPERTY:
        table = image_properties.alias()
        value: ColumnElement[str] = bindparam(f"p{number}_value")
        beginning: ColumnElement[str] = bindparam(f"p{number}_prefix")
        # Not the whole long value: SQLite would put it in here and lose the index.
        found = (
            is_long_and_begins(table.c.value, beginning, value)
            if lookup.is_long
            else is_short_and(table.c.value, value)
        )
        return table, table.c.image_id, of_property(table, number, found)
    if lookup.kind is LookupKind.TAG:
        table = image_tags.alias()
        return table, table.c.image_id, of_tag(table, number)
    table = images.alias()
    column = lookup.conditions[0][1][0]
    conditions = [compare(condition, number, table) for number, condition in lookup.conditions]
    listed = [table.c.os_hidden == bindparam("os_hidden"), table.c.deleted == false()]
    if column not in ORDERS:
        return table, table.c.id, [*conditions, *(residual(one) for one in listed)]
    return table, table.c.id, [*conditions, *listed]
