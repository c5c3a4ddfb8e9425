"""Our own tables and indexes. All of their names begin with ``imagestore_``."""

from __future__ import annotations

from collections.abc import Sequence
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


def _branch(name: str, *by: str, tested: Sequence[str] = ()) -> Index:
    """An index that yields one branch of a list in order of creation.

    With the status, because every list tests it: no row is read for those passed by. And with
    what else may be ``tested`` and has no index of its own.
    """
    columns = (*by, "os_hidden", "deleted", "created_at", "id", "status", *tested)
    return Index(name, *(images.c[column] for column in columns))


def _order(key: str) -> tuple[Index, Index]:
    """The index that yields all images in the order of a sort key, with what says who sees them:
    in PostgreSQL with the collation of that order, and elsewhere with the column's."""
    parts: list[ColumnElement[Any]] = [images.c.os_hidden, images.c.deleted, images.c[key]]
    rest = ("created_at", "id", "visibility", "owner", "status")
    parts += (images.c[column] for column in rest if column != key)
    text = isinstance(images.c[key].type, String)
    sorted_parts = [*parts[:2], collated(parts[2]) if text else parts[2], *parts[3:]]
    return (
        Index(ORDERS[key], *parts).ddl_if(callable_=_is_another),
        Index(ORDERS[key], *sorted_parts).ddl_if(callable_=_is_postgresql),
    )


OF_VISIBILITY, OF_OWNER = "imagestore_images_visible", "imagestore_images_owner_created"
"""The indexes that yield branches in order of creation."""
BESIDE_VISIBILITY = ("min_disk", "min_ram", "protected", "virtual_size", "os_hash_algo")
"""What the first of them has of rows for tests, as no other index has it."""
ORDERS = {
    key: f"imagestore_images_by_{key}"
    for key in ("name", "size", "status", "updated_at", "disk_format", "container_format")
}
"""The indexes that yield all images in the order of a sort key."""

_EVERYWHERE = (
    _branch(OF_VISIBILITY, "visibility", tested=BESIDE_VISIBILITY),
    _branch(OF_OWNER, "owner", "visibility"),
    Index("imagestore_images_status", images.c.status, images.c.deleted, images.c.id),
    Index("imagestore_tags_value", image_tags.c.value, image_tags.c.deleted, image_tags.c.image_id),
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
    """Our indexes in that kind of database: for lists in every order, and for lookups by name,
    property, tag and membership."""
    orders = tuple(pair[dialect == "postgresql"] for pair in _BY_ORDER)
    has_prefixes = dialect in ("mysql", "mariadb")
    return (*_EVERYWHERE, *orders, *(_WITH_PREFIXES if has_prefixes else _WITH_EXPRESSIONS))
