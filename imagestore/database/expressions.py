"""The few SQL expressions that indexes and queries have to spell alike, or to keep apart.

An index on an expression is used only where a query repeats it to the letter, so
both take it from here. Constants are literals: a bound parameter never matches.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    select,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine

MYSQL = ("mysql", "mariadb")
PREFIX_LENGTH = 255
"""Characters of a long text that are indexed: 1,020 bytes at most, below every limit."""


def prefix(column: ColumnElement[Any]) -> ColumnElement[str]:
    """The beginning of a text of any length, for an index on it."""
    return func.substr(
        column, literal_column("1", Integer), literal_column(str(PREFIX_LENGTH), Integer)
    )


def is_long(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether an index has only the beginning of the text."""
    return func.length(column) > literal_column(str(PREFIX_LENGTH), Integer)


class _Condition(FunctionElement[Any]):
    """Said in the words of each database. Its statements are cached as any others."""

    type: TypeEngine[Any] = NullType()

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        cls.inherit_cache = True  # the library wants it of each class itself


class _Text(_Condition):
    type = String()


class is_short_and(_Condition):  # noqa: N801 (named as SQL functions are)
    """``is_short_and(column, value)``: the text is this one, which an index has whole."""


class is_long_and_begins(_Condition):  # noqa: N801 (named as SQL functions are)
    """``is_long_and_begins(column, prefix, value)``: what the index on beginnings finds.

    At least all texts that are ``value``; ``prefix`` is its beginning. MySQL's index, of short
    texts as well, is on the column, cut short by the server itself.
    """


class exact(_Condition):  # noqa: N801 (named as SQL functions are)
    """``exact(column, value)``: the text is this one, to the letter.

    MySQL compares as the collation of a column says, which takes ``a`` for ``A`` and
    for ``ä`` where Glance made the tables. So it finds by index what is alike, and
    then compares the bytes.
    """


class binary(_Text):  # noqa: N801 (named as SQL functions are)
    """The text, compared by its code points in every database."""


class collated(_Text):  # noqa: N801 (named as SQL functions are)
    """The text as a sort key, which an index yields: in the order of its code points.

    MySQL's in that of the collation of the column, where Glance made the tables without regard
    to case: it has no other index, and Glance sorts so as well.
    """


class null_key(_Condition):  # noqa: N801 (named as SQL functions are)
    """A column that is null in all rows, as the first key of an order that an index has.

    MySQL would sort them.
    """


class row_bound(_Condition):  # noqa: N801 (named as SQL functions are)
    """``row_bound(nested, rows)``: a comparison of rows, said in two ways.

    With all values of the row an index finds where to begin; MySQL does so only where it is
    said column by column.
    """


class exactly_one_of(_Condition):  # noqa: N801 (named as SQL functions are)
    """``exactly_one_of(column.in_(values), column)``: the same for several texts."""


def least(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """What null is sorted as: smaller than every value, in every database."""
    return literal_column("-1" if isinstance(column.type, Integer) else "''", column.type)


def sortable(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column as a sort key that is never null."""
    return func.coalesce(column, least(column))


# Not of the type Boolean: the library would write "= 1" behind, and no index be used.


class residual(_Condition):  # noqa: N801 (named as SQL functions are)
    """A condition that rows are tested with but that no index is chosen for.

    Without statistics every equality is taken for a sharp one, and with them two are taken
    to have nothing to do with each other: the index that a statement was written for is left
    for another. MariaDB is told the index by name.
    """


def fenced(found: Select[Any]) -> Select[Any]:
    """A subquery that PostgreSQL does not mix with what is around it.

    Else to test a few images it reads all that have the tag, or to have them sorted it walks
    all images in that order.
    """
    return found.suffix_with(text("OFFSET 0"), dialect="postgresql")


def found_in(found: Select[Any], table: FromClause, index: str) -> Select[Any]:
    """The same by an index that MySQL is told: it would take a unique one, and read the rows."""
    for dialect in MYSQL:
        found = found.with_hint(table, f"FORCE INDEX ({index})", dialect)
    return found


def counted(found: Select[Any]) -> Select[Any]:
    """How many there are, at most the parameter ``few``."""
    return select(func.count()).select_from(found.limit(bindparam("few")).subquery())


def not_deleted(table: FromClause) -> ColumnElement[bool]:
    """Rows that are not marked as deleted: nearly all, so never what rows are found by."""
    return residual(table.c.deleted == false())


@compiles(residual)
def _plain(element: residual, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})"


@compiles(residual, "sqlite")
def _without_index(element: residual, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+({compiler.process(element.clauses, **kw)})"


@compiles(residual, "postgresql")
def _as_a_test(element: residual, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)}) IS TRUE"


@compiles(is_short_and)
def _whole(element: is_short_and, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = element.clauses
    return compiler.process(and_(column == value, not_(is_long(column))), **kw)


@compiles(is_long_and_begins)
def _by_beginning(element: is_long_and_begins, compiler: SQLCompiler, **kw: Any) -> str:
    column, beginning, _ = element.clauses
    return compiler.process(and_(prefix(column) == beginning, is_long(column)), **kw)


@compiles(is_short_and, "mysql", "mariadb")
@compiles(is_long_and_begins, "mysql", "mariadb")
def _by_column(element: is_short_and | is_long_and_begins, compiler: SQLCompiler, **kw: Any) -> str:
    column, *_, value = element.clauses
    return compiler.process(exact(column, value), **kw)


@compiles(exact)
def _equal(element: exact, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = (compiler.process(one, **kw) for one in element.clauses)
    return f"{column} = {value}"


@compiles(exact, "mysql", "mariadb")
def _equal_to_the_byte(element: exact, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = (compiler.process(one, **kw) for one in element.clauses)
    return f"({column} = {value} AND CAST({column} AS BINARY) = {value})"


@compiles(exactly_one_of)
def _in(element: exactly_one_of, compiler: SQLCompiler, **kw: Any) -> str:
    among, _ = element.clauses
    return compiler.process(among, **kw)


@compiles(exactly_one_of, "mysql", "mariadb")
def _in_to_the_byte(element: exactly_one_of, compiler: SQLCompiler, **kw: Any) -> str:
    alike, column = (compiler.process(one, **kw) for one in element.clauses)
    values = alike.removeprefix(column)
    return f"({alike} AND CAST({column} AS BINARY){values})"


@compiles(binary, "sqlite")
def _as_it_is(element: binary, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(null_key)
@compiles(collated)
def _as_the_column(element: collated | null_key, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(binary, "postgresql")
@compiles(collated, "postgresql")
def _in_order_of_code_points(element: binary | collated, compiler: SQLCompiler, **kw: Any) -> str:
    return f'({compiler.process(element.clauses, **kw)} COLLATE "C")'


@compiles(null_key, "mysql", "mariadb")
def _as_nothing(element: null_key, compiler: SQLCompiler, **kw: Any) -> str:
    return "NULL"


@compiles(row_bound)
def _by_rows(element: row_bound, compiler: SQLCompiler, **kw: Any) -> str:
    _, rows = element.clauses
    return f"({compiler.process(rows, **kw)})"


@compiles(row_bound, "mysql", "mariadb")
def _by_columns(element: row_bound, compiler: SQLCompiler, **kw: Any) -> str:
    nested, _ = element.clauses
    return f"({compiler.process(nested, **kw)})"


@compiles(binary, "mysql", "mariadb")
def _as_bytes(element: binary, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS BINARY)"
