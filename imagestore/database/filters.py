"""What a list is narrowed by, as SQL: columns, properties, tags."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    String,
    bindparam,
    false,
    not_,
    or_,
    select,
)
from sqlalchemy.sql import operators

from imagestore.database import order
from imagestore.database.expressions import (
    binary,
    collated,
    exact,
    exactly_one_of,
    fenced,
    found_in,
    is_short_and,
)
from imagestore.database.schema import OF_PROPERTY, OF_TAG, image_properties, image_tags, images
from imagestore.model.errors import Invalid
from imagestore.model.query import Condition, ImageQuery, Op

ConditionShape = tuple[str, Op]

_OPERATORS: Mapping[Op, Callable[[Any, Any], Any]] = {
    Op.EQ: operator.eq,
    Op.NEQ: operator.ne,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
    Op.IN: operators.in_op,
}

_SECOND = timedelta(seconds=1)


def simplify(conditions: Sequence[Condition]) -> list[Condition]:
    """The same conditions with times compared as they are shown: in whole seconds.

    A client that has read ``12:00:01Z`` and asks for what is newer does not want
    to see the image of 12:00:01.25 again; one that asks for equality does. Raises
    :class:`Invalid` for a number of more than 64 bits.
    """
    simple: list[Condition] = []
    for condition in conditions:
        if isinstance(images.c[condition.column].type, DateTime):
            simple += _whole_seconds(condition)
        else:
            _require_fitting(condition)
            simple.append(condition)
    return simple


def _require_fitting(condition: Condition) -> None:
    # Some databases compare with any number, others refuse what no column can hold.
    if isinstance(condition.value, int) and not -(2**63) <= condition.value < 2**63:
        raise Invalid(f"{condition.value} is larger than any {condition.column} can be.")


def _whole_seconds(condition: Condition) -> list[Condition]:
    column, value = condition.column, condition.value
    assert isinstance(value, datetime)
    floor = value.replace(microsecond=0)
    after = floor + _SECOND
    is_whole = value == floor
    match condition.op:
        case Op.GT:
            return [Condition(column, Op.GTE, after)]
        case Op.GTE:
            return [Condition(column, Op.GTE, floor if is_whole else after)]
        case Op.LT:
            return [Condition(column, Op.LT, floor if is_whole else after)]
        case Op.LTE:
            return [Condition(column, Op.LT, after)]
        case Op.EQ:
            end = after if is_whole else floor
            return [Condition(column, Op.GTE, floor), Condition(column, Op.LT, end)]
    return [Condition(column, Op.NEQ, value)] if is_whole else []


def compare(shape: ConditionShape, number: int, table: FromClause = images) -> ColumnElement[bool]:
    """A condition on a column of the image; its value is the parameter ``c{number}``."""
    name, op = shape
    column: ColumnElement[Any] = table.c[name]
    value: Any = bindparam(f"c{number}", type_=column.type, expanding=op is Op.IN)
    if op is Op.NEQ and isinstance(column.type, DateTime):
        end: Any = bindparam(f"c{number}_end", type_=column.type)
        return or_(column.__lt__(value), column.__ge__(end))
    if name in order.TEXTS:
        column = collated(column)
    if isinstance(column.type, String):
        return _compare_texts(column, op, value)
    compared: ColumnElement[bool] = _OPERATORS[op](column, value)
    return compared


def _compare_texts(column: ColumnElement[Any], op: Op, value: Any) -> ColumnElement[bool]:
    match op:
        case Op.EQ:
            return exact(column, value)
        case Op.NEQ:
            return not_(exact(column, value))
        case Op.IN:
            return exactly_one_of(column.in_(value), column)
    compared: ColumnElement[bool] = _OPERATORS[op](binary(column), value)
    return compared


def values_of(query: ImageQuery, conditions: Sequence[Condition]) -> dict[str, Any]:
    """The parameters of all filters; ``conditions``: those of the query, simplified."""
    values: dict[str, Any] = {}
    for number, condition in enumerate(conditions):
        value = condition.value
        values[f"c{number}"] = list(value) if condition.op is Op.IN else value
        if condition.op is Op.NEQ and isinstance(value, datetime):
            values[f"c{number}_end"] = value + _SECOND
    for number, (name, value) in enumerate(query.properties):
        values |= {f"p{number}_name": name, f"p{number}_value": value}
    return values | {f"t{number}": tag for number, tag in enumerate(query.tags)}


def has_property(number: int, *, is_long: bool) -> ColumnElement[bool]:
    """The image has the property ``p{number}_name`` with the value ``p{number}_value``.

    ``is_long``: whether the value is, see :func:`imagestore.database.expressions.is_long`.
    """
    table = image_properties.alias()
    compare = exact if is_long else is_short_and
    value = compare(table.c.value, bindparam(f"p{number}_value"))
    return _has(table, OF_PROPERTY, of_property(table, number, value))


def has_tag(number: int) -> ColumnElement[bool]:
    table = image_tags.alias()
    return _has(table, OF_TAG, of_tag(table, number))


def of_property(
    table: FromClause, number: int, value: ColumnElement[bool]
) -> list[ColumnElement[bool]]:
    """Rows of the property ``p{number}_name`` whose value passes."""
    name = exact(table.c.name, bindparam(f"p{number}_name"))
    return [name, value, table.c.deleted == false()]


def of_tag(table: FromClause, number: int) -> list[ColumnElement[bool]]:
    """Rows of the tag ``t{number}``. Whether it is deleted is in the index that this is for."""
    return [exact(table.c.value, bindparam(f"t{number}")), table.c.deleted == false()]


def _has(
    table: FromClause, index: str, conditions: list[ColumnElement[bool]]
) -> ColumnElement[bool]:
    found = select(table.c.image_id).where(table.c.image_id == images.c.id, *conditions)
    return fenced(found_in(found, table, index)).exists()
