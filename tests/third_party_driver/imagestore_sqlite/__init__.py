"""Objects in one SQLite file: ``enabled_backends = small:sqlite``."""

from __future__ import annotations

from imagestore_sqlite.settings import SqliteSettings
from imagestore_sqlite.store import SCHEME, SqliteStore

from imagestore.backends.base import Driver

driver = Driver(
    name="sqlite", schemes=(SCHEME,), settings=SqliteSettings, create=SqliteStore, interface=1
)
