"""The order of a list, and what of it comes after a given image and before another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    UnaryExpression,
    and_,
    bindparam,
    func,
    or_,
    tuple_,
)

from imagestore.database.expressions import collated, least, row_bound
from imagestore.database.schema import images
from imagestore.model.image import Image
from imagestore.model.query import Direction, Sort

NULLABLE = frozenset({"name", "size", "container_format", "disk_format", "updated_at"})
TEXTS = frozenset({"name", "status", "container_format", "disk_format"})
"""Texts of any kind. An id is only hexadecimal digits, which every collation sorts alike."""


def complete(sort: Sequence[Sort]) -> tuple[Sort, ...]:
    """The keys, each once, to the one that settles every tie: the id."""
    last = sort[-1].direction if sort else Direction.DESC
    keys: dict[str, Sort] = {}
    for key in (*sort, Sort("created_at", last), Sort("id", last)):
        keys.setdefault(key.key, key)
        if key.key == "id":
            break
    return tuple(keys.values())


def is_of_index(sort: Sequence[Sort]) -> bool:
    """Whether an index that begins with the first key has all images in this order."""
    keys = [one.key for one in sort]
    whole = keys == [*dict.fromkeys((keys[0], "created_at", "id"))] or keys == ["id"]
    return whole and len({one.direction for one in sort}) == 1


def column(key: str) -> ColumnElement[Any]:
    """What an index holds for a sort key; it may be null."""
    found: ColumnElement[Any] = images.c[key]
    return collated(found) if key in TEXTS else found


def expression(key: str, null: bool | None = None) -> ColumnElement[Any]:
    """What is sorted by, for a sort key: never null, which is smaller than every value.

    ``null``: whether the column is, where that is known.
    """
    if key not in NULLABLE or null is False:
        return column(key)
    instead = images.c.created_at if key == "updated_at" else least(images.c[key])
    return instead if null else func.coalesce(column(key), instead)


def equal(key: str, parameter: str, null: bool | None = None) -> ColumnElement[bool]:
    """Images that have this value of a sort key, and so are told apart by the next one alone.

    ``null``: as in :func:`expression`.
    """
    return expression(key, null) == bindparam(parameter, type_=images.c[key].type)


def directed(sort: Sort, column: ColumnElement[Any]) -> UnaryExpression[Any]:
    return column.asc() if sort.direction is Direction.ASC else column.desc()


def after(sort: Sequence[Sort], null: bool | None = None) -> ColumnElement[bool]:
    """Images after the one whose keys are the parameters ``m0``, ``m1``, …

    ``null``: whether the column of the first key is, where that is known.
    """
    return _bounded(sort, "m", null, beyond=True, strictly=True)


def until(
    sort: Sequence[Sort], null: bool | None = None, apart: bool = False
) -> ColumnElement[bool]:
    """Images up to the one whose keys are the parameters ``u0``, ``u1``, …, and those that have
    the same; ``apart``: without these."""
    return _bounded(sort, "u", null, beyond=False, strictly=apart)


def marker_values(sort: Sequence[Sort], marker: Image) -> dict[str, Any]:
    """The parameters of :func:`after`."""
    return {f"m{number}": _value(marker, key.key) for number, key in enumerate(sort)}


def _bounded(
    sort: Sequence[Sort], prefix: str, null: bool | None, *, beyond: bool, strictly: bool
) -> ColumnElement[bool]:
    keys = [expression(one.key, null if number == 0 else None) for number, one in enumerate(sort)]
    values = [
        bindparam(f"{prefix}{number}", type_=images.c[one.key].type)
        for number, one in enumerate(sort)
    ]

    def compare(number: int, *, strictly: bool) -> ColumnElement[bool]:
        key, value = keys[number], values[number]
        if (sort[number].direction is Direction.ASC) is beyond:
            return key.__gt__(value) if strictly else key.__ge__(value)
        return key.__lt__(value) if strictly else key.__le__(value)

    def nested(number: int) -> ColumnElement[bool]:
        if number + 1 == len(sort):
            return compare(number, strictly=strictly)
        equal = keys[number] == values[number]
        return or_(compare(number, strictly=True), and_(equal, nested(number + 1)))

    # The first term follows from the second; it is what an index can start from.
    by_columns = and_(compare(0, strictly=False), nested(0))
    ascending = {one.direction is Direction.ASC for one in sort}
    if len(ascending) > 1 or len(sort) == 1 or null:
        return by_columns
    rows, bound = tuple_(*keys), tuple_(*values)
    if ascending == {beyond}:
        by_rows = rows.__gt__(bound) if strictly else rows.__ge__(bound)
    else:
        by_rows = rows.__lt__(bound) if strictly else rows.__le__(bound)
    return row_bound(by_columns, by_rows)


def _value(image: Image, key: str) -> Any:
    value = getattr(image, key)
    if value is None:
        return -1 if key == "size" else ""
    return value
