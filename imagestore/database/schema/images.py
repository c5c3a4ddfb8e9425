"""An image and its children: properties, tags, locations, members."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Enum,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.schema import SchemaItem

from imagestore.database.schema.metadata import big_integer, soft_deletion, table, timestamps

images = table(
    "images",
    Column("id", String(36), primary_key=True),
    Column("name", String(255)),
    Column("size", big_integer()),
    Column("status", String(30), nullable=False),
    *timestamps(),
    *soft_deletion(checked=False),
    Column("disk_format", String(20)),
    Column("container_format", String(20)),
    Column("checksum", String(32)),
    Column("owner", String(255)),
    Column("min_disk", Integer, nullable=False),
    Column("min_ram", Integer, nullable=False),
    Column("protected", Boolean, nullable=False, server_default=false()),
    Column("virtual_size", big_integer()),
    Column(
        "visibility",
        Enum("private", "public", "shared", "community", name="image_visibility"),
        nullable=False,
        server_default="shared",
    ),
    Column("os_hidden", Boolean, nullable=False, server_default=false()),
    Column("os_hash_algo", String(64)),
    Column("os_hash_value", String(128)),
    Index("checksum_image_idx", "checksum"),
    Index("visibility_image_idx", "visibility"),
    Index("ix_images_deleted", "deleted"),
    Index("owner_image_idx", "owner"),
    Index("created_at_image_idx", "created_at"),
    Index("updated_at_image_idx", "updated_at"),
    Index("os_hidden_image_idx", "os_hidden"),
    Index("os_hash_value_image_idx", "os_hash_value"),
)


def _child(name: str, *parts: SchemaItem) -> Table:
    return table(
        name,
        Column("id", Integer, primary_key=True),
        Column("image_id", String(36), ForeignKey("images.id"), nullable=False),
        *parts,
        Index(f"ix_{name}_image_id", "image_id"),
    )


image_properties = _child(
    "image_properties",
    Column("name", String(255), nullable=False),
    Column("value", Text),
    *timestamps(),
    *soft_deletion(),
    Index("ix_image_properties_deleted", "deleted"),
    UniqueConstraint("image_id", "name", name="ix_image_properties_image_id_name"),
)

image_tags = _child(
    "image_tags",
    Column("value", String(255), nullable=False),
    *timestamps(),
    *soft_deletion(),
    Index("ix_image_tags_image_id_tag_value", "image_id", "value"),
)

image_locations = _child(
    "image_locations",
    Column("value", Text, nullable=False),
    *timestamps(),
    *soft_deletion(),
    Column("meta_data", Text),
    Column("status", String(30), nullable=False, server_default="active"),
    Index("ix_image_locations_deleted", "deleted"),
)

image_members = _child(
    "image_members",
    Column("member", String(255), nullable=False),
    Column("can_share", Boolean(create_constraint=True), nullable=False),
    *timestamps(),
    *soft_deletion(),
    Column("status", String(20), nullable=False, server_default="pending"),
    Index("ix_image_members_deleted", "deleted"),
    Index("ix_image_members_image_id_member", "image_id", "member"),
    UniqueConstraint(
        "image_id", "member", "deleted_at", name="image_members_image_id_member_deleted_at_key"
    ),
)
