"""The few SQL expressions that indexes and queries have to spell alike.

An index on an expression is used only where a query repeats it to the letter, so
both take it from here. Constants are literals: a bound parameter never matches.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column
from sqlalchemy.types import Integer

PREFIX_LENGTH = 255
"""Characters of a long text that are indexed: 1,020 bytes at most, below every limit."""


def prefix(column: ColumnElement[Any]) -> ColumnElement[str]:
    """The beginning of a text of any length, for an index on it."""
    return func.substr(
        column, literal_column("1", Integer), literal_column(str(PREFIX_LENGTH), Integer)
    )


def sortable(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column as a sort key: null is smaller than every value, in every database."""
    least = literal_column("-1" if isinstance(column.type, Integer) else "''", column.type)
    return func.coalesce(column, least)


def residual(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition in a form that no index can serve.

    Without statistics SQLite takes any equality for a sharp one and would leave
    the index that a statement was written for.
    """
    yes = literal_column("1", Integer)
    return case((condition, yes), else_=literal_column("0", Integer)) == yes
