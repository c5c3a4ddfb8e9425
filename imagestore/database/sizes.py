"""What fits into a column: what MariaDB's holds, on every database.

SQLite and PostgreSQL would keep any text in the columns of type TEXT, and SQLite in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import String, Table, Text

from imagestore.model.errors import Invalid

TEXT = 65_535
"""Bytes of a column of type TEXT, in UTF-8."""


def fitting(table: Table, row: Mapping[str, Any], what: str | None = None) -> Mapping[str, Any]:
    """``row``, whose keys are columns, if its texts fit; else :class:`Invalid`.

    ``what``: the text that it is about, for the message.
    """
    for name, (most, unit) in _limits(table).items():
        value = row.get(name)
        # No character has more than four bytes.
        if not isinstance(value, str) or len(value) <= most // 4:
            continue
        size = len(value) if unit == "characters" else len(value.encode())
        if size > most:
            called = what or f"{table.name}: {name}"
            raise Invalid(f"{called} has {size} {unit}; at most {most} can be kept.")
    return row


def shortened(message: str | None) -> str | None:
    """A message that nobody chose, as much of it as fits."""
    return message and message.encode()[:TEXT].decode(errors="ignore")


@lru_cache
def _limits(table: Table) -> dict[str, tuple[int, str]]:
    found = {}
    for column in table.columns:
        if type(column.type) is Text:
            found[column.name] = (TEXT, "bytes")
        elif type(column.type) is String and column.type.length:
            found[column.name] = (column.type.length, "characters")
    return found
