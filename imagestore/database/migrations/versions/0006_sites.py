"""Replication between sites."""

from __future__ import annotations

from alembic import op

from imagestore.database.migrations.creation import create_tables

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_tables(op.get_bind())
