"""What happened, for those who watch; what the patrol found: tables of our own."""

from sqlalchemy import Column, Index, Integer, String, Text

from imagestore.database.schema.metadata import big_integer, moment, own_table

events = own_table(
    "imagestore_events",
    Column("id", big_integer(), primary_key=True, autoincrement=True),
    Column("moment", moment(), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("image_id", String(36)),
    Column("job_id", String(36)),
    Column("project", String(255)),
    Column("document", Text, nullable=False),
    Index("imagestore_events_moment", "moment"),
    # Numbers are never given twice, though all rows may be purged.
    sqlite_autoincrement=True,
)

damages = own_table(
    "imagestore_damages",
    Column("location_id", Integer, primary_key=True, autoincrement=False),
    Column("image_id", String(36), nullable=False),
    Column("store", String(255), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", String(255), nullable=False),
    Column("found_at", moment(), nullable=False),
    Column("updated_at", moment(), nullable=False),
    Index("imagestore_damages_image", "image_id"),
    Index("imagestore_damages_state", "state", "updated_at"),
)
"""Copies whose bytes are not those of their image. The row outlives the location."""

patrol = own_table(
    "imagestore_patrol",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", String(36), nullable=False),
    Column("started_at", moment(), nullable=False),
    Column("finished_at", moment()),
    Column("images", big_integer(), nullable=False),
    Column("bytes", big_integer(), nullable=False),
    Column("damaged", big_integer(), nullable=False),
    Column("repaired", big_integer(), nullable=False),
    Column("unread", big_integer(), nullable=False),
)
"""One row: how far the patrol of all nodes is."""
