"""Create what is missing, and nothing else."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.schema import CreateIndex

from imagestore.database.schema import indexes, metadata


def create_tables(conn: Connection) -> None:
    """Every table that is not there, with its indexes."""
    metadata.create_all(conn)


def create_indexes(conn: Connection) -> None:
    """Every index of ours that is not there."""
    for index in indexes:
        if not index._should_exist(conn):
            continue
