"""Copies that were made for a rule of replication."""

from imagestore.database.migrations.creation import create_tables

revision = "0004"
down_revision = "0003"
upgrade = create_tables
