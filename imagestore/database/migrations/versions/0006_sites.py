"""Replication between sites."""

from imagestore.database.migrations.creation import create_tables

revision = "0006"
down_revision = "0005"
upgrade = create_tables
