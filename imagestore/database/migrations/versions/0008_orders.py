"""An index for each order of a list; those that they replace are gone.

Lists by size had two indexes on an expression, which MariaDB has not, and lists by name none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ORDERS = {
    "name": True,
    "size": False,
    "status": True,
    "updated_at": False,
    "disk_format": True,
    "container_format": True,
}
"""The keys; whether they are texts."""
_REPLACED = ("created", "name", "size", "owner_size")


def upgrade() -> None:
    conn = op.get_bind()
    known = _names(conn)
    for name, columns in _indexes(conn.dialect.name).items():
        if name not in known:
            op.execute(f"CREATE INDEX {name} ON images ({columns})")
    for name in (f"imagestore_images_{one}" for one in _REPLACED):
        if name in known:
            op.drop_index(name, "images")


def _indexes(dialect: str) -> dict[str, str]:
    visible = (
        "visibility, os_hidden, deleted, created_at, id, status,"
        " min_disk, min_ram, protected, virtual_size, os_hash_algo"
    )
    found = {"imagestore_images_visible": visible}
    for key, is_text in _ORDERS.items():
        ordered = f'{key} COLLATE "C"' if is_text and dialect == "postgresql" else key
        status = "" if key == "status" else ", status"
        found[f"imagestore_images_by_{key}"] = (
            f"os_hidden, deleted, {ordered}, created_at, id, visibility, owner{status}"
        )
    return found


def _names(conn: sa.Connection) -> set[str]:
    """Of the indexes of images; reflection leaves out those on expressions."""
    if conn.dialect.name == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'images'"
    elif conn.dialect.name == "postgresql":
        asked = (
            "SELECT indexname FROM pg_indexes"
            " WHERE schemaname = current_schema() AND tablename = 'images'"
        )
    else:
        asked = (
            "SELECT DISTINCT index_name FROM information_schema.statistics"
            " WHERE table_schema = database() AND table_name = 'images'"
        )
    return set(conn.scalars(sa.text(asked)))
