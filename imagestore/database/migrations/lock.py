"""One process upgrades at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select

from imagestore.model.errors import Unavailable

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
            # Its name holds for the whole server, where other services may have databases.
            name = func.concat(_NAME, "/", func.sha1(func.database()))
            if conn.scalar(select(func.get_lock(name, _PATIENCE))) != 1:
                raise Unavailable("Another process has been upgrading the tables for too long.")
            try:
                yield
                # Its tables are there already; the next process must not see them without the rows.
                conn.exec_driver_sql("COMMIT")
            finally:
                conn.execute(select(func.release_lock(name)))
        case _:
            yield
