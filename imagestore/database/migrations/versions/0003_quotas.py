"""Reservations of storage, and the gates of projects that are counted."""

from imagestore.database.migrations.creation import create_tables

revision = "0003"
down_revision = "0002"
upgrade = create_tables
