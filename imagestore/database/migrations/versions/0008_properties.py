"""Indexes that have properties whole; those replaced are gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_REPLACED = {
    "imagestore_images_created": "images",
    "imagestore_images_name": "images",
    "imagestore_images_size": "images",
    "imagestore_images_owner_size": "images",
    "imagestore_properties_value": "image_properties",
}


def upgrade() -> None:
    conn = op.get_bind()
    known = _names(conn)
    for name, of in _indexes(conn.dialect.name).items():
        if name not in known:
            op.execute(f"CREATE INDEX {name} ON {of}")
    for name, table in _REPLACED.items():
        if name in known:
            op.drop_index(name, table)


def _indexes(dialect: str) -> dict[str, str]:
    found = {}
    if dialect in ("sqlite", "postgresql"):
        for name, value, which in (
            ("short", "value", "<="),
            ("long", "substr(value, 1, 255)", ">"),
        ):
            found[f"imagestore_properties_{name}"] = (
                f"image_properties (name, {value}, deleted, image_id)"
                f" WHERE length(value) {which} 255"
            )
    return found


def _names(conn: sa.Connection) -> set[str]:
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
