"""What keeps two transactions apart that would not meet in what they write.

A lock is enough within one server. The nodes of a Galera cluster have locks of their own, and what
two of them write is compared when they commit: so there, what is locked is written too, in a way
that changes it. Nobody waits for another node: of two that commit, the second is run again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from imagestore.database import sessions


def enter(conn: Connection, key: Column[str], name: str) -> None:
    """Take a gate: a row that nobody else has until the transaction ends.

    ``key``: the only column of a table of gates. The one writer of SQLite is alone anyway.
    """
    if conn.dialect.name == "sqlite":
        return
    while not _taken(conn, key, name):
        try:
            with conn.begin_nested():
                conn.execute(insert(key.table).values({key: name}))
            return
        except IntegrityError:
            pass  # another transaction made it, and has ended


def touch(conn: Connection, number: Column[Any], *where: ColumnElement[bool]) -> None:
    """Have the rows that are locked conflict with those of other nodes, and leave them as they are.

    ``number``: a column that may hold one less for a moment.
    """
    if sessions.is_certified(conn):
        # An update to the value that it has would not be compared.
        for step in (-1, 1):
            conn.execute(update(number.table).where(*where).values({number: number + step}))


def _taken(conn: Connection, key: Column[str], name: str) -> bool:
    """Whether it is there, and ours."""
    if not sessions.is_certified(conn):
        return conn.scalar(select(key).where(key == name).with_for_update()) is not None
    if conn.execute(delete(key.table).where(key == name)).rowcount == 0:
        return False
    conn.execute(insert(key.table).values({key: name}))
    return True
