"""An index for each order of a list, with what lists are narrowed by.

Those that they replace are named by nodes of the release before: :mod:`...replaced` has them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TESTED = (
    *("size", "virtual_size", "disk_format", "container_format"),
    *("min_disk", "min_ram", "protected"),
)
_BY_CREATION = ("os_hidden", "deleted", "created_at", "id", "status", *_TESTED)
_SEEN_BY = ("visibility", "owner", "status")
_ORDERS = {
    "name": True,
    "size": False,
    "status": True,
    "updated_at": False,
    "disk_format": True,
    "container_format": True,
}
"""The keys; whether they are texts."""


def upgrade() -> None:
    conn = op.get_bind()
    known = _names(conn)
    for name, of in _indexes(conn.dialect.name).items():
        if name not in known:
            op.execute(f"CREATE INDEX {name} ON {of}")


def _indexes(dialect: str) -> dict[str, str]:
    columns = {
        "visibility": ("visibility", *_BY_CREATION, "updated_at", "os_hash_algo"),
        "owner": ("owner", "visibility", *_BY_CREATION, "updated_at", "os_hash_algo"),
        "id": ("id", "os_hidden", "deleted", *_SEEN_BY, "created_at", *_TESTED),
    }
    for key, is_text in _ORDERS.items():
        rest = [one for one in (*_SEEN_BY, *_TESTED) if one != key]
        ordered = f'{key} COLLATE "C"' if is_text and dialect == "postgresql" else key
        columns[key] = ("os_hidden", "deleted", ordered, "created_at", "id", *rest)
    found = {
        f"imagestore_images_of_{key}": f"images ({', '.join(of)})" for key, of in columns.items()
    }
    if dialect not in ("sqlite", "postgresql"):
        found["imagestore_properties_found"] = (
            "image_properties (name, value(191), deleted, image_id)"
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
