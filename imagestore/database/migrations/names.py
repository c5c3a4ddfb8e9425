"""Which indexes a database has."""

from __future__ import annotations

import sqlalchemy as sa


def names_of_indexes(conn: sa.Connection) -> set[str]:
    """Of indexes; reflection leaves out those on expressions."""
    if conn.dialect.name == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE type = 'index'"
    elif conn.dialect.name == "postgresql":
        asked = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    else:
        asked = (
            "SELECT DISTINCT index_name FROM information_schema.statistics"
            " WHERE table_schema = database()"
        )
    return set(conn.scalars(sa.text(asked)))
