"""Create what is missing, and nothing else. Only for 0001 to 0007: see :mod:`.versions`."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.schema import CreateIndex

from imagestore.database.schema import indexes_for, metadata


def create_tables(conn: Connection) -> None:
    """Every table that is not there, with its indexes."""
    metadata.create_all(conn)


def create_indexes(conn: Connection) -> None:
    """Every index of ours that is not there: the peer made the tables without."""
    for index in indexes_for(conn.dialect.name):
        if conn.dialect.name in ("mysql", "mariadb"):
            # Has no IF NOT EXISTS in all of its versions; elsewhere nothing else finds
            # the indexes on expressions.
            index.create(conn, checkfirst=True)
        else:
            conn.execute(CreateIndex(index, if_not_exists=True))
