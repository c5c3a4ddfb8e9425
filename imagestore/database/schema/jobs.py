"""Background work, and the ids of images that are purged: tables of our own."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, String, Text
from sqlalchemy.dialects import mysql

from imagestore.database.schema.metadata import big_integer, moment, own_table, table


def _long_text() -> Text:
    """MySQL's TEXT ends at 64 KiB."""
    return Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


jobs = own_table(
    "imagestore_jobs",
    Column("id", String(36), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("image_id", String(36)),
    Column("target", String(255), nullable=False),
    Column("project", String(255)),
    Column("payload", _long_text(), nullable=False),
    Column("state", String(20), nullable=False),
    # Of active jobs only, so that it is free again when one has ended.
    Column("active_key", String(64), unique=True),
    # Kept to give a parked job its key back.
    Column("own_key", String(64)),
    Column("turn", big_integer(), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("bytes_done", big_integer(), nullable=False),
    Column("bytes_total", big_integer()),
    Column("message", _long_text()),
    Column("not_before", moment(), nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("lease_owner", String(255)),
    Column("lease_until", moment()),
    Column("fence", Integer, nullable=False),
    Column("created_at", moment(), nullable=False),
    Column("updated_at", moment(), nullable=False),
    Index("imagestore_jobs_queue", "state", "turn", "created_at", "id"),
    Index("imagestore_jobs_project", "project", "state", "turn"),
    Index("imagestore_jobs_image", "image_id", "created_at"),
    Index("imagestore_jobs_ended", "state", "updated_at"),
)

job_gates = own_table(
    "imagestore_job_gates",
    Column("kind", String(40), primary_key=True),
)
"""A row for each kind that has a limit: locked while its running jobs are counted."""

tombstones = table(
    "imagestore_tombstones",
    Column("image_id", String(36), primary_key=True),
    Column("purged_at", DateTime, nullable=False),
)
"""Ids of images whose rows are gone: still taken, as somebody may trust what they stood for."""
