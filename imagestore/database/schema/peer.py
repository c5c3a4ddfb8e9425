"""The peer's tasks, and what its nodes hold in their caches: so that the database is whole."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)

from imagestore.database.schema.metadata import big_integer, soft_deletion, table, timestamps

tasks = table(
    "tasks",
    Column("id", String(36), primary_key=True),
    Column("type", String(30), nullable=False),
    Column("status", String(30), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("expires_at", DateTime),
    *timestamps(),
    *soft_deletion(),
    Column("image_id", String(36)),
    Column("request_id", String(64)),
    Column("user_id", String(64)),
    Index("ix_tasks_type", "type"),
    Index("ix_tasks_status", "status"),
    Index("ix_tasks_owner", "owner"),
    Index("ix_tasks_deleted", "deleted"),
    Index("ix_tasks_image_id", "image_id"),
    Index("ix_tasks_updated_at", "updated_at"),
)

task_info = table(
    "task_info",
    Column("task_id", String(36), ForeignKey("tasks.id"), primary_key=True),
    Column("input", Text),
    Column("result", Text),
    Column("message", Text),
)

node_reference = table(
    "node_reference",
    Column("node_reference_id", big_integer(), primary_key=True, autoincrement=True),
    Column("node_reference_url", String(255), nullable=False),
    UniqueConstraint("node_reference_url", name="uq_node_reference_node_reference_url"),
)

cached_images = table(
    "cached_images",
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
)
