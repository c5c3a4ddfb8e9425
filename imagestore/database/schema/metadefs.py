"""The catalogue of metadata definitions: namespaces and what they hold."""

from __future__ import annotations

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

from imagestore.database.schema.metadata import TABLE_OPTIONS, metadata, timestamps

metadef_namespaces = Table(
    "metadef_namespaces",
    metadata,
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
    **TABLE_OPTIONS,
)

metadef_resource_types = Table(
    "metadef_resource_types",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("protected", Boolean(create_constraint=True), nullable=False),
    *timestamps(),
    UniqueConstraint("name", name="uq_metadef_resource_types_name"),
    **TABLE_OPTIONS,
)

metadef_namespace_resource_types = Table(
    "metadef_namespace_resource_types",
    metadata,
    Column(
        "resource_type_id",
        Integer,
        ForeignKey("metadef_resource_types.id"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "namespace_id",
        Integer,
        ForeignKey("metadef_namespaces.id"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("properties_target", String(80)),
    Column("prefix", String(80)),
    *timestamps(),
    Index("ix_metadef_ns_res_types_namespace_id", "namespace_id"),
    **TABLE_OPTIONS,
)


def _namespace_id() -> Column[int]:
    return Column("namespace_id", Integer, ForeignKey("metadef_namespaces.id"), nullable=False)


metadef_objects = Table(
    "metadef_objects",
    metadata,
    Column("id", Integer, primary_key=True),
    _namespace_id(),
    Column("name", String(80), nullable=False),
    Column("description", Text),
    Column("required", Text),
    Column("json_schema", Text, nullable=False),
    *timestamps(),
    UniqueConstraint("namespace_id", "name", name="uq_metadef_objects_namespace_id_name"),
    Index("ix_metadef_objects_name", "name"),
    **TABLE_OPTIONS,
)

metadef_properties = Table(
    "metadef_properties",
    metadata,
    Column("id", Integer, primary_key=True),
    _namespace_id(),
    Column("name", String(80), nullable=False),
    Column("json_schema", Text, nullable=False),
    *timestamps(),
    UniqueConstraint("namespace_id", "name", name="uq_metadef_properties_namespace_id_name"),
    Index("ix_metadef_properties_name", "name"),
    **TABLE_OPTIONS,
)

metadef_tags = Table(
    "metadef_tags",
    metadata,
    Column("id", Integer, primary_key=True),
    _namespace_id(),
    Column("name", String(80), nullable=False),
    *timestamps(),
    UniqueConstraint("namespace_id", "name", name="uq_metadef_tags_namespace_id_name"),
    Index("ix_metadef_tags_name", "name"),
    **TABLE_OPTIONS,
)
