"""The options of a store in a SQLite file."""

from __future__ import annotations

from dataclasses import dataclass

from imagestore.backends.base import option


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """Options in a store's section."""

    sqlite_store_path: str = option(help="The file. It is made if it is missing.")
    sqlite_store_busy_timeout: float = option(
        5.0, help="Seconds to wait for another process that writes to the file.", minimum=0
    )
