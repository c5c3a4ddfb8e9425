"""The few SQL expressions that indexes and queries have to spell alike, or to keep apart.

An index on an expression is used only where a query repeats it to the letter, so
both take it from here. Constants are literals: a bound parameter never matches.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, FromClause, Integer, false, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

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


class residual(FunctionElement[bool]):  # noqa: N801 (named as SQL functions are)
    """A condition that rows are tested with but that no index is chosen for.

    Without statistics SQLite takes every equality for a sharp one and leaves the
    index that a statement was written for. Other databases keep statistics.
    """

    type = Boolean()
    inherit_cache = True


def not_deleted(table: FromClause) -> ColumnElement[bool]:
    """Rows that are not marked as deleted: nearly all, so never what rows are found by."""
    return residual(table.c.deleted == false())


@compiles(residual)
def _plain(element: residual, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})"


@compiles(residual, "sqlite")
def _without_index(element: residual, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+({compiler.process(element.clauses, **kw)})"
