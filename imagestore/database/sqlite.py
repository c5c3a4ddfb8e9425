"""SQLite as it has to be set up: durable, shared by processes, transactions that begin when told.

Write-ahead log: readers never wait for the writer. ``synchronous=FULL``: what is
committed survives a power cut.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, event

BUSY_TIMEOUT = 30.0
"""Seconds that a writer waits for one of another process."""
CACHE_KIB = 8 * 1024
"""Memory that a connection may use for pages of the file."""
_WRITES = "imagestore_writes"


def set_up(engine: Engine) -> None:
    """Have every connection of the engine configured, and transactions begun explicitly."""
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)


def for_writing(conn: Connection) -> None:
    """Have transactions of the connection take the write lock as they begin.

    A transaction that reads first and writes later would fail at once, without
    waiting, when another process has written in between.
    """
    conn.execution_options(**{_WRITES: True})


def begin(conn: Connection, *, writing: bool) -> None:
    """Begin a transaction; a read sees one moment."""
    if writing:
        for_writing(conn)
    conn.begin()


def commit(conn: Connection) -> None:
    conn.commit()


def undo(conn: Connection) -> None:
    conn.rollback()


def _configure(connection: Any, record: object) -> None:
    # The driver must not begin or commit by itself: a read is one snapshot, and DDL can be undone.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        _use_write_ahead_log(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    finally:
        cursor.close()


def _use_write_ahead_log(cursor: Any) -> None:
    """Switch the file over, once. Two processes that do so together are told to wait."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # The busy timeout does not cover this statement.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(conn: Connection) -> None:
    writes = conn.get_execution_options().get(_WRITES, False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
