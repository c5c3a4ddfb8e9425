"""Copies made for rules, what belongs to no image, other sites: tables of our own."""

from sqlalchemy import Boolean, Column, DateTime, Index, String

from imagestore.database.schema.metadata import big_integer, moment, own_table

replicas = own_table(
    "imagestore_replicas",
    # Not a foreign key: the peer removes rows of its tables and knows nothing of ours.
    Column("location_id", big_integer(), primary_key=True, autoincrement=False),
    Column("image_id", String(36), nullable=False),
    Column("unwanted_since", moment()),
    Index("imagestore_replicas_image", "image_id"),
)
"""A row for each location that was made for a rule; every other one is what a user asked for."""

orphans = own_table(
    "imagestore_orphans",
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
)
"""A row for everything of one image in one store, by when the searches that saw it began."""

orphan_searches = own_table(
    "imagestore_orphan_searches",
    Column("store", String(255), primary_key=True),
    Column("started_at", moment(), nullable=False),
    Column("finished_at", moment(), nullable=False),
    Column("objects", big_integer(), nullable=False),
    Column("unknown", big_integer(), nullable=False),
)
"""The last search of each store that came to its end."""

sites = own_table(
    "imagestore_sites",
    Column("name", String(255), primary_key=True),
    Column("position", DateTime),
    Column("whole_at", DateTime),
)

site_images = own_table(
    "imagestore_site_images",
    Column("site", String(255), primary_key=True),
    Column("image_id", String(36), primary_key=True),
)
