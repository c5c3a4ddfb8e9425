"""Our own tables and indexes. All of their names begin with ``imagestore_``."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, String, Table
from sqlalchemy.sql.elements import ColumnElement

from imagestore.database.expressions import prefix, sortable
from imagestore.database.schema.images import (
    image_members,
    image_properties,
    image_tags,
    images,
)
from imagestore.database.schema.metadata import TABLE_OPTIONS, metadata

VERSION_TABLE = "imagestore_alembic_version"

journal = Table(
    "imagestore_journal",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("image_id", String(36), nullable=False),
    Column("store", String(255)),
    Column("image_status", String(30)),
    Column("owner", String(255), nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("renewed_at", DateTime, nullable=False),
    Index("imagestore_journal_owner", "owner"),
    **TABLE_OPTIONS,
)


def _walk(name: str, first: str, *key: str | ColumnElement[object]) -> Index:
    """An index that yields one branch of a list in the order of a sort key, id included."""
    columns = (getattr(images.c, column) if isinstance(column, str) else column for column in key)
    return Index(name, images.c[first], images.c.os_hidden, images.c.deleted, *columns)


indexes: tuple[Index, ...] = (
    _walk("imagestore_images_visibility_created", "visibility", "created_at", "id"),
    _walk("imagestore_images_owner_created", "owner", "created_at", "id"),
    Index("imagestore_images_name", images.c.name, images.c.id),
    Index(
        "imagestore_tags_value", image_tags.c.value, image_tags.c.deleted, image_tags.c.image_id
    ),
    Index(
        "imagestore_members_member",
        image_members.c.member,
        image_members.c.deleted,
        image_members.c.image_id,
    ),
)
"""For lists: walks in order of creation, and lookups by name, tag and membership."""
