"""What the peer's nodes hold in their caches: created so that the database is whole."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from imagestore.database.schema.metadata import TABLE_OPTIONS, big_integer, metadata

node_reference = Table(
    "node_reference",
    metadata,
    Column("node_reference_id", big_integer(), primary_key=True, autoincrement=True),
    Column("node_reference_url", String(255), nullable=False),
    UniqueConstraint("node_reference_url", name="uq_node_reference_node_reference_url"),
    **TABLE_OPTIONS,
)

cached_images = Table(
    "cached_images",
    metadata,
    Column("id", big_integer(), primary_key=True, autoincrement=True),
    Column("image_id", String(36), nullable=False),
    Column("last_accessed", DateTime, nullable=False),
    Column("last_modified", DateTime, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("checksum", String(32)),
    Column(
        "node_reference_id",
        big_integer(),
        ForeignKey("node_reference.node_reference_id"),
        nullable=False,
    ),
    UniqueConstraint(
        "image_id", "node_reference_id", name="ix_cached_images_image_id_node_reference_id"
    ),
    **TABLE_OPTIONS,
)
