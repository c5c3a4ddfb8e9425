"""Copies that were made for a rule of replication."""

from __future__ import annotations

from alembic import op

from imagestore.database.migrations.creation import create_tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_tables(op.get_bind())
