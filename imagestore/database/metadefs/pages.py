"""One page of a list of metadata definitions, found by where the page before ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    false,
    func,
    literal,
    or_,
    select,
)

from imagestore.database.expressions import sortable
from imagestore.model.metadef import Page


def page_of(
    conn: Connection, table: Table, statement: Select[Any], page: Page, marker_id: int | None
) -> Sequence[Row[Any]]:
    """The rows of ``statement``, which selects from ``table``, that are on the page.

    ``marker_id``: the id of the row that the page before ended with.
    """
    keys = [_key(table, name) for name in dict.fromkeys((page.sort_key, "created_at", "id"))]
    if marker_id is not None:
        marker = conn.execute(select(*keys).where(table.c.id == marker_id)).one()
        statement = statement.where(_after(keys, list(marker), ascending=page.ascending))
    statement = statement.order_by(*(key.asc() if page.ascending else key.desc() for key in keys))
    if page.limit is not None:
        statement = statement.limit(page.limit)
    return conn.execute(statement).all()


def _key(table: Table, name: str) -> ColumnElement[Any]:
    """What is sorted by: never null."""
    column = table.c[name]
    if not column.nullable:
        return column
    if name == "updated_at":
        return func.coalesce(column, table.c.created_at)
    if isinstance(column.type, Boolean):
        return func.coalesce(column, false())
    return sortable(column)


def _after(
    keys: Sequence[ColumnElement[Any]], values: Sequence[Any], *, ascending: bool
) -> ColumnElement[bool]:
    """Rows whose keys come after ``values``, the first key counting most."""
    key = keys[0]
    value = literal(values[0], key.type)
    beyond = key.__gt__(value) if ascending else key.__lt__(value)
    if len(keys) == 1:
        return beyond
    return or_(beyond, and_(key == value, _after(keys[1:], values[1:], ascending=ascending)))
