"""Copies that a rule of replication asked for: a table of our own."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table

from imagestore.database.schema.jobs import OPTIONS, moment
from imagestore.database.schema.metadata import big_integer, metadata

replicas = Table(
    "imagestore_replicas",
    metadata,
    # Not a foreign key: the peer removes rows of its tables and knows nothing of ours.
    Column("location_id", big_integer(), primary_key=True, autoincrement=False),
    Column("image_id", String(36), nullable=False),
    Column("unwanted_since", moment()),
    Index("imagestore_replicas_image", "image_id"),
    **OPTIONS,
)
"""A row for each location that was made for a rule; every other one is what a user asked for."""
