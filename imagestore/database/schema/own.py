"""Our own tables and indexes. All of their names begin with ``imagestore_``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, DateTime, Dialect, Index, String, Table

from imagestore.database.expressions import prefix, sortable
from imagestore.database.schema.images import (
    image_members,
    image_properties,
    image_tags,
    images,
)
from imagestore.database.schema.metadata import TABLE_OPTIONS, big_integer, metadata

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


reservations = Table(
    "imagestore_reservations",
    metadata,
    Column("entry", String(36), primary_key=True),
    Column("project", String(255), nullable=False),
    Column("bytes", big_integer(), nullable=False),
    Index("imagestore_reservations_project", "project"),
    **TABLE_OPTIONS,
)
"""Bytes that transfers will store, each by its row of the journal."""

quota_gates = Table(
    "imagestore_quota_gates",
    metadata,
    Column("project", String(255), primary_key=True),
    **TABLE_OPTIONS,
)
"""A row for each project that has a limit: locked while what it uses is counted."""


def _walk(name: str, by: tuple[str, ...], *key: ColumnElement[Any]) -> Index:
    """An index that yields one branch of a list in the order of a sort key.

    With the status, because every list tests it: no row is read for those passed by.
    """
    first = (images.c[column] for column in (*by, "os_hidden", "deleted"))
    return Index(name, *first, *key, images.c.created_at, images.c.id, images.c.status)


def _has_prefixes(*_: Any, dialect: Dialect, **__: Any) -> bool:
    return dialect.name in ("mysql", "mariadb")


def _has_expressions(*_: Any, dialect: Dialect, **__: Any) -> bool:
    return not _has_prefixes(dialect=dialect)


_SIZE = sortable(images.c.size)

_OF_ALL = ("visibility",)
_OF_OWNER = ("owner", "visibility")

_EVERYWHERE = (
    _walk("imagestore_images_created", _OF_ALL),
    _walk("imagestore_images_owner_created", _OF_OWNER),
    Index("imagestore_images_name", images.c.name, images.c.deleted, images.c.id),
    Index("imagestore_images_status", images.c.status, images.c.deleted, images.c.id),
    Index("imagestore_tags_value", image_tags.c.value, image_tags.c.deleted, image_tags.c.image_id),
    Index("imagestore_members_member", image_members.c.member, image_members.c.image_id),
)

_WITH_EXPRESSIONS = tuple(
    index.ddl_if(callable_=_has_expressions)
    for index in (
        _walk("imagestore_images_size", _OF_ALL, _SIZE),
        _walk("imagestore_images_owner_size", _OF_OWNER, _SIZE),
        Index(
            "imagestore_properties_value",
            image_properties.c.name,
            prefix(image_properties.c.value),
            image_properties.c.deleted,
            image_properties.c.image_id,
        ),
    )
)

# MariaDB has no indexes on expressions but indexes the beginning of a text by itself.
_WITH_PREFIXES = (
    Index(
        "imagestore_properties_value_prefix",
        image_properties.c.name,
        image_properties.c.value,
        mysql_length={"value": 191},
        mariadb_length={"value": 191},
    ).ddl_if(callable_=_has_prefixes),
)


def indexes_for(dialect: str) -> tuple[Index, ...]:
    """Our indexes in that kind of database: for lists in order of creation and of size,
    and for lookups by name, property, tag and membership."""
    if dialect in ("mysql", "mariadb"):
        return _EVERYWHERE + _WITH_PREFIXES
    return _EVERYWHERE + _WITH_EXPRESSIONS
