"""The order of a list, and what comes after a given image in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, bindparam, func, or_

from imagestore.database.expressions import binary, sortable
from imagestore.database.schema import images
from imagestore.model.image import Image
from imagestore.model.query import Direction, Sort

_NULLABLE = frozenset({"name", "size", "container_format", "disk_format"})
_TEXTS = frozenset({"name", "status", "container_format", "disk_format"})
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


def expression(key: str) -> ColumnElement[Any]:
    """What is sorted by, for a sort key: never null."""
    column: ColumnElement[Any] = images.c[key]
    if key == "updated_at":
        return func.coalesce(column, images.c.created_at)
    if key in _TEXTS:
        column = binary(column)
    return sortable(column) if key in _NULLABLE else column


def directed(sort: Sort, column: ColumnElement[Any]) -> UnaryExpression[Any]:
    return column.asc() if sort.direction is Direction.ASC else column.desc()


def after_marker(sort: Sequence[Sort]) -> ColumnElement[bool]:
    """Images after the one whose keys are the parameters ``m0``, ``m1``, …"""
    # The first term follows from the second; it is what an index can start from.
    return and_(_compare(sort[0], 0, strictly=False), _strictly_after(sort, 0))


def marker_values(sort: Sequence[Sort], marker: Image) -> dict[str, Any]:
    """The parameters of :func:`after_marker`."""
    return {f"m{number}": _value(marker, key.key) for number, key in enumerate(sort)}


def _strictly_after(sort: Sequence[Sort], number: int) -> ColumnElement[bool]:
    beyond = _compare(sort[number], number, strictly=True)
    if number + 1 == len(sort):
        return beyond
    equal = expression(sort[number].key) == _parameter(sort[number], number)
    return or_(beyond, and_(equal, _strictly_after(sort, number + 1)))


def _compare(sort: Sort, number: int, *, strictly: bool) -> ColumnElement[bool]:
    key, value = expression(sort.key), _parameter(sort, number)
    ascending = sort.direction is Direction.ASC
    if strictly:
        return key.__gt__(value) if ascending else key.__lt__(value)
    return key.__ge__(value) if ascending else key.__le__(value)


def _parameter(sort: Sort, number: int) -> Any:
    return bindparam(f"m{number}", type_=images.c[sort.key].type)


def _value(image: Image, key: str) -> Any:
    value = getattr(image, key)
    if value is None:
        return -1 if key == "size" else ""
    return value
