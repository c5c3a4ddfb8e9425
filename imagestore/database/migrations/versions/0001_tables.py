"""All tables, and indexes of our own, where they are missing.

In a database that Glance made only ours are added. It makes the tables of the release that
runs it, so later revisions find theirs in a new database; the package says how to write one.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import select

from imagestore.database.migrations.creation import create_indexes, create_tables
from imagestore.database.schema import PEER_REVISION, peer_version

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_tables()
    create_indexes()
    conn = op.get_bind()
    if conn.execute(select(peer_version.c.version_num)).first() is None:
        conn.execute(peer_version.insert().values(version_num=PEER_REVISION))
