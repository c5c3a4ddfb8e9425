"""The peer's tasks: created so that the database is whole."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, String, Table, Text

from imagestore.database.schema.metadata import (
    TABLE_OPTIONS,
    metadata,
    soft_deletion,
    timestamps,
)

tasks = Table(
    "tasks",
    metadata,
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
    **TABLE_OPTIONS,
)

task_info = Table(
    "task_info",
    metadata,
    Column("task_id", String(36), ForeignKey("tasks.id"), primary_key=True),
    Column("input", Text),
    Column("result", Text),
    Column("message", Text),
    **TABLE_OPTIONS,
)
