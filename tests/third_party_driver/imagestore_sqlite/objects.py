"""The tables of the file, and what is asked of them. Every method blocks."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from imagestore.backends.base import BLOCK_SIZE, Buffer
from imagestore.backends.errors import Exists, Full, NotFound, ReadOnly, Unavailable

# An object without a name is still being written, or was left by a process that died.
_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id TEXT NOT NULL,
    name TEXT UNIQUE,
    size INTEGER
);
CREATE TABLE IF NOT EXISTS chunks (
    object INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (object, number)
);
"""
CHUNK = BLOCK_SIZE
"""Bytes of every chunk of an object but the last."""


class Objects:
    """One connection; to be used by one thread at a time."""

    def __init__(self, store: str, path: Path, busy_timeout: float) -> None:
        self._store = store
        with self._errors():
            self._connection = sqlite3.connect(
                path, timeout=busy_timeout, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")  # durable when it returns
            self._connection.executescript(_TABLES)

    def close(self) -> None:
        self._connection.close()

    def begin(self, image_id: str) -> int:
        """A new object, not readable yet."""
        with self._errors():
            named = self._connection.execute("SELECT 1 FROM objects WHERE name = ?", (image_id,))
            if named.fetchone():
                raise Exists("is there already", store=self._store)
            row = self._connection.execute("INSERT INTO objects (image_id) VALUES (?)", (image_id,))
            assert row.lastrowid is not None
            return row.lastrowid

    def append(self, object_id: int, number: int, data: Buffer) -> None:
        with self._errors():
            self._connection.execute(
                "INSERT INTO chunks VALUES (?, ?, ?)", (object_id, number, data)
            )

    def publish(self, object_id: int, image_id: str, size: int) -> None:
        """Make the object readable, unless another one has its name."""
        with self._errors():
            try:
                self._connection.execute(
                    "UPDATE objects SET name = ?, size = ? WHERE id = ?",
                    (image_id, size, object_id),
                )
            except sqlite3.IntegrityError as error:
                raise Exists("is there already", store=self._store) from error

    def find(self, image_id: str, url: str) -> tuple[int, int]:
        """The object of that name and its size in bytes."""
        with self._errors(url):
            row: tuple[int, int] | None = self._connection.execute(
                "SELECT id, size FROM objects WHERE name = ?", (image_id,)
            ).fetchone()
        if row is None:
            raise NotFound("no such object", store=self._store, url=url)
        return row

    def read(self, object_id: int, number: int, url: str) -> bytes:
        with self._errors(url):
            row = self._connection.execute(
                "SELECT data FROM chunks WHERE object = ? AND number = ?", (object_id, number)
            ).fetchone()
        if row is None:
            raise NotFound("was deleted while it was read", store=self._store, url=url)
        return bytes(row[0])

    def page(self, after: int) -> list[tuple[int, str, bool, int | None]]:
        """Id, image, whether it is finished, and size of the objects that follow an id."""
        with self._errors():
            return self._connection.execute(
                "SELECT id, image_id, name IS NOT NULL, size FROM objects WHERE id > ? "
                "ORDER BY id LIMIT 1000",
                (after,),
            ).fetchall()

    def remove(self, object_id: int) -> None:
        self._remove("id = ?", object_id)

    def discard(self, image_id: str) -> None:
        """Remove every object of the image, finished or not."""
        self._remove("image_id = ?", image_id)

    def _remove(self, which: str, value: int | str) -> None:
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(
                    f"DELETE FROM chunks WHERE object IN (SELECT id FROM objects WHERE {which})",
                    (value,),
                )
                self._connection.execute(f"DELETE FROM objects WHERE {which}", (value,))
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _errors(self, url: str = "") -> Iterator[None]:
        """SQLite's errors as a driver's."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            kinds = {sqlite3.SQLITE_FULL: Full, sqlite3.SQLITE_READONLY: ReadOnly}
            raise kinds.get(code, Unavailable)(str(error), store=self._store, url=url) from error
