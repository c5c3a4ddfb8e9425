"""What lies in stores and belongs to no image: tables of our own."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, String, Table

from imagestore.database.schema.jobs import OPTIONS, moment
from imagestore.database.schema.metadata import big_integer, metadata

orphans = Table(
    "imagestore_orphans",
    metadata,
    Column("store", String(255), primary_key=True),
    Column("image_id", String(36), primary_key=True),
    # Empty where the store does not keep the objects of projects apart.
    Column("project", String(255), primary_key=True),
    Column("origin", String(20), nullable=False),
    Column("ours", Boolean, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("pieces", big_integer(), nullable=False),
    Column("bytes", big_integer(), nullable=False),
    Column("first_seen", moment(), nullable=False),
    Column("last_seen", moment(), nullable=False),
    **OPTIONS,
)
"""A row for everything of one image in one store, by when the searches that saw it began."""

orphan_searches = Table(
    "imagestore_orphan_searches",
    metadata,
    Column("store", String(255), primary_key=True),
    Column("started_at", moment(), nullable=False),
    Column("finished_at", moment(), nullable=False),
    Column("objects", big_integer(), nullable=False),
    Column("unknown", big_integer(), nullable=False),
    **OPTIONS,
)
"""The last search of each store that came to its end."""
