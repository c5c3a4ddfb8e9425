"""Reservations of storage, and the gates of projects that are counted."""

from __future__ import annotations

from alembic import op

from imagestore.database.migrations.creation import create_tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_tables(op.get_bind())
