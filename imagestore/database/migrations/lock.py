"""One process upgrades at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select

_NAME = "imagestore_upgrade"
_NUMBER = 0x696D6773746F7265
"""The same for servers that name locks by a number."""
_PATIENCE = 300
"""Seconds to wait for the other process."""


@contextmanager
def hold(conn: Connection) -> Iterator[None]:
    """Wait until no other process upgrades. SQLite's one writer holds the lock already."""
    match conn.dialect.name:
        case "postgresql":
            # Ends with the transaction.
            conn.execute(select(func.pg_advisory_xact_lock(_NUMBER)))
            yield
        case "mysql" | "mariadb":
            # Its DDL commits, so the lock has to be one of the connection.
            conn.execute(select(func.get_lock(_NAME, _PATIENCE)))
            try:
                yield
            finally:
                conn.execute(select(func.release_lock(_NAME)))
        case _:
            yield
