"""Jobs, and the ids of purged images."""

from imagestore.database.migrations.creation import create_tables

revision = "0002"
down_revision = "0001"
upgrade = create_tables
