"""The catalogue of metadata definitions: namespaces and what they hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from imagestore.database.schema.metadata import table, timestamps

metadef_namespaces = table(
    "metadef_namespaces",
    Column("id", Integer, primary_key=True),
    Column("namespace", String(80), nullable=False),
    Column("display_name", String(80)),
    Column("description", Text),
    Column("visibility", String(32)),
    Column("protected", Boolean(create_constraint=True)),
    Column("owner", String(255), nullable=False),
    *timestamps(),
    UniqueConstraint("namespace", name="uq_metadef_namespaces_namespace"),
    Index("ix_metadef_namespaces_owner", "owner"),
)

metadef_resource_types = table(
    "metadef_resource_types",
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("protected", Boolean(create_constraint=True), nullable=False),
    *timestamps(),
    UniqueConstraint("name", name="uq_metadef_resource_types_name"),
)


def _key_of(table: str, name: str) -> Column[int]:
    return Column(name, Integer, ForeignKey(f"{table}.id"), primary_key=True, autoincrement=False)


metadef_namespace_resource_types = table(
    "metadef_namespace_resource_types",
    _key_of("metadef_resource_types", "resource_type_id"),
    _key_of("metadef_namespaces", "namespace_id"),
    Column("properties_target", String(80)),
    Column("prefix", String(80)),
    *timestamps(),
    Index("ix_metadef_ns_res_types_namespace_id", "namespace_id"),
)


def _items(kind: str, *columns: Column[Any]) -> Table:
    """What has a name of its own within a namespace."""
    return table(
        f"metadef_{kind}",
        Column("id", Integer, primary_key=True),
        Column("namespace_id", Integer, ForeignKey("metadef_namespaces.id"), nullable=False),
        Column("name", String(80), nullable=False),
        *columns,
        *timestamps(),
        UniqueConstraint("namespace_id", "name", name=f"uq_metadef_{kind}_namespace_id_name"),
        Index(f"ix_metadef_{kind}_name", "name"),
    )


metadef_objects = _items(
    "objects",
    Column("description", Text),
    Column("required", Text),
    Column("json_schema", Text, nullable=False),
)
metadef_properties = _items("properties", Column("json_schema", Text, nullable=False))
metadef_tags = _items("tags")
