"""What lies in stores and belongs to no image."""

from imagestore.database.migrations.creation import create_tables

revision = "0007"
down_revision = "0006"
upgrade = create_tables
