"""Create what is missing, and nothing else. Only for 0001 to 0007: see :mod:`.versions`."""

from __future__ import annotations

from alembic import op
from sqlalchemy.schema import CreateIndex

from imagestore.database.schema import indexes_for, metadata


def create_tables() -> None:
    """Every table that is not there, with its indexes."""
    metadata.create_all(op.get_bind())


def create_indexes() -> None:
    """Every index of ours that is not there: the peer made the tables without."""
    conn = op.get_bind()
    for index in indexes_for(conn.dialect.name):
        if conn.dialect.name in ("mysql", "mariadb"):
            # Has no IF NOT EXISTS in all of its versions; elsewhere nothing else finds
            # the indexes on expressions.
            index.create(conn, checkfirst=True)
        else:
            conn.execute(CreateIndex(index, if_not_exists=True))
