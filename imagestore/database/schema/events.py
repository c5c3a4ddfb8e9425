"""What happened, for those who watch; what the patrol found: tables of our own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, Index, Integer, String, Table, Text
from sqlalchemy.dialects import mysql

from imagestore.database.schema.metadata import big_integer, metadata

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _moment() -> DateTime:
    """To the microsecond everywhere; MySQL's keeps whole seconds unless told."""
    return DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


events = Table(
    "imagestore_events",
    metadata,
    Column("id", big_integer(), primary_key=True, autoincrement=True),
    Column("moment", _moment(), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("image_id", String(36)),
    Column("job_id", String(36)),
    Column("project", String(255)),
    Column("document", Text, nullable=False),
    Index("imagestore_events_moment", "moment"),
    # Numbers are never given twice, though all rows may be purged.
    sqlite_autoincrement=True,
    **_OPTIONS,
)

damages = Table(
    "imagestore_damages",
    metadata,
    Column("location_id", Integer, primary_key=True, autoincrement=False),
    Column("image_id", String(36), nullable=False),
    Column("store", String(255), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", String(255), nullable=False),
    Column("found_at", _moment(), nullable=False),
    Column("updated_at", _moment(), nullable=False),
    Index("imagestore_damages_image", "image_id"),
    Index("imagestore_damages_state", "state", "updated_at"),
    **_OPTIONS,
)
"""Copies whose bytes are not those of their image. The row outlives the location."""

patrol = Table(
    "imagestore_patrol",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", String(36), nullable=False),
    Column("started_at", _moment(), nullable=False),
    Column("finished_at", _moment()),
    Column("images", big_integer(), nullable=False),
    Column("bytes", big_integer(), nullable=False),
    Column("damaged", big_integer(), nullable=False),
    Column("repaired", big_integer(), nullable=False),
    Column("unread", big_integer(), nullable=False),
    **_OPTIONS,
)
"""One row: how far the patrol of all nodes is."""
