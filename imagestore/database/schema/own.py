"""Our own tables and indexes. All of their names begin with ``imagestore_``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, DateTime, Dialect, Index, String, not_

from imagestore.database.expressions import collated, is_long, prefix
from imagestore.database.schema.images import (
    image_members,
    image_properties,
    image_tags,
    images,
)
from imagestore.database.schema.metadata import big_integer, table

VERSION_TABLE = "imagestore_alembic_version"

journal = table(
    "imagestore_journal",
    Column("id", String(36), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("image_id", String(36), nullable=False),
    Column("store", String(255)),
    Column("image_status", String(30)),
    Column("owner", String(255), nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("renewed_at", DateTime, nullable=False),
    Index("imagestore_journal_owner", "owner"),
)


reservations = table(
    "imagestore_reservations",
    Column("entry", String(36), primary_key=True),
    Column("project", String(255), nullable=False),
    Column("bytes", big_integer(), nullable=False),
    Index("imagestore_reservations_project", "project"),
)
"""Bytes that transfers will store, each by its row of the journal."""

quota_gates = table(
    "imagestore_quota_gates",
    Column("project", String(255), primary_key=True),
)
"""A row for each project that has a limit: locked while what it uses is counted."""


def _has_prefixes(*_: Any, dialect: Dialect, **__: Any) -> bool:
    return dialect.name in ("mysql", "mariadb")


def _has_expressions(*_: Any, dialect: Dialect, **__: Any) -> bool:
    return not _has_prefixes(dialect=dialect)


def _is_postgresql(*_: Any, dialect: Dialect, **__: Any) -> bool:
    return dialect.name == "postgresql"


def _is_another(*_: Any, dialect: Dialect, **__: Any) -> bool:
    return not _is_postgresql(dialect=dialect)


OF_VISIBILITY, OF_OWNER = "imagestore_images_of_visibility", "imagestore_images_of_owner"
"""The indexes that yield branches in order of creation."""
OF_ID = "imagestore_images_of_id"
"""The index that yields all images in the order of their ids."""
ORDERS = {
    key: f"imagestore_images_of_{key}"
    for key in ("name", "size", "status", "updated_at", "disk_format", "container_format")
}
"""The indexes that yield all images in the order of another sort key."""

OF_PROPERTY, OF_TAG = "imagestore_properties_found", "imagestore_tags_value"
"""The indexes that say which images have a property, in MySQL, or a tag."""

# Whoever walks an index reads no row of those that he passes by: it has who sees them, and what
# lists may be narrowed by. A change of an image that is active changes but a few of the indexes.
_SEEN_BY = ("visibility", "owner", "status")
_TESTED = (
    *("size", "virtual_size", "disk_format", "container_format"),
    *("min_disk", "min_ram", "protected"),
)
_BY_CREATION = ("os_hidden", "deleted", "created_at", "id", "status", *_TESTED)
HOLDS: dict[str, tuple[str, ...]] = {
    OF_VISIBILITY: ("visibility", *_BY_CREATION, "updated_at", "os_hash_algo"),
    OF_OWNER: ("owner", "visibility", *_BY_CREATION, "updated_at", "os_hash_algo"),
    OF_ID: ("id", "os_hidden", "deleted", *_SEEN_BY, "created_at", *_TESTED),
}
"""The columns of each of these indexes, in order: at most 16, as MariaDB has it."""
HOLDS |= {
    name: tuple(
        dict.fromkeys(("os_hidden", "deleted", key, "created_at", "id", *_SEEN_BY, *_TESTED))
    )
    for key, name in ORDERS.items()
}


def _order(key: str) -> tuple[Index, Index]:
    """The index of a sort key: in PostgreSQL with the collation of that order, and elsewhere with
    the column's."""
    columns = [images.c[column] for column in HOLDS[ORDERS[key]]]
    text = isinstance(images.c[key].type, String)
    sorted_parts = [collated(one) if text and one.key == key else one for one in columns]
    return (
        Index(ORDERS[key], *columns).ddl_if(callable_=_is_another),
        Index(ORDERS[key], *sorted_parts).ddl_if(callable_=_is_postgresql),
    )


_EVERYWHERE = (
    *(
        Index(name, *(images.c[column] for column in HOLDS[name]))
        for name in (OF_VISIBILITY, OF_OWNER, OF_ID)
    ),
    Index("imagestore_images_status", images.c.status, images.c.deleted, images.c.id),
    Index(OF_TAG, image_tags.c.value, image_tags.c.deleted, image_tags.c.image_id),
    Index("imagestore_members_member", image_members.c.member, image_members.c.image_id),
)

_BY_ORDER = tuple(_order(key) for key in ORDERS)

_LONG = is_long(image_properties.c.value)


def _by_value(name: str, value: ColumnElement[Any], where: ColumnElement[bool]) -> Index:
    columns = image_properties.c
    parts = (columns.name, value, columns.deleted, columns.image_id)
    return Index(name, *parts, postgresql_where=where, sqlite_where=where).ddl_if(
        callable_=_has_expressions
    )


# Of short values the index alone says which images have them.
_WITH_EXPRESSIONS = (
    _by_value("imagestore_properties_short", image_properties.c.value, not_(_LONG)),
    _by_value("imagestore_properties_long", prefix(image_properties.c.value), _LONG),
)

# MariaDB has no indexes on expressions but indexes the beginning of a text by itself; of a text
# that is no longer it reads no row.
_WITH_PREFIXES = (
    Index(
        OF_PROPERTY,
        image_properties.c.name,
        image_properties.c.value,
        image_properties.c.deleted,
        image_properties.c.image_id,
        mysql_length={"value": 191},
        mariadb_length={"value": 191},
    ).ddl_if(callable_=_has_prefixes),
)


def indexes_for(dialect: str) -> tuple[Index, ...]:
    """Our indexes in that kind of database: for lists in every order, and for lookups by name,
    property, tag and membership."""
    orders = tuple(pair[dialect == "postgresql"] for pair in _BY_ORDER)
    has_prefixes = dialect in ("mysql", "mariadb")
    return (*_EVERYWHERE, *orders, *(_WITH_PREFIXES if has_prefixes else _WITH_EXPRESSIONS))
