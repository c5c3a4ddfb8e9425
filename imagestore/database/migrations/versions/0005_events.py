"""Events, and what the integrity patrol finds."""

from imagestore.database.migrations.creation import create_tables

revision = "0005"
down_revision = "0004"
upgrade = create_tables
