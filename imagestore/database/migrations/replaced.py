"""Indexes that only older releases need: dropped when no node of them serves any more."""

from __future__ import annotations

from sqlalchemy import Connection, text

_KEYS = ("name", "size", "status", "updated_at", "disk_format", "container_format")
REPLACED = {
    # by 0009
    "imagestore_images_visible": "images",
    "imagestore_images_owner_created": "images",
    **{f"imagestore_images_by_{key}": "images" for key in _KEYS},
    "imagestore_properties_value_prefix": "image_properties",
}
"""The tables, by index. One that code of the release before names comes here, not into a
revision, which would break the nodes that still run that code."""

_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}
_OF_MYSQL = (
    "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = database()"
)


def there(conn: Connection) -> list[str]:
    """Those that are still there."""
    # Reflection leaves out indexes on expressions.
    names = set(conn.scalars(text(_NAMES.get(conn.dialect.name, _OF_MYSQL))))
    return sorted(names & REPLACED.keys())


def drop(conn: Connection) -> list[str]:
    """Drop them; their names."""
    found = there(conn)
    for name in found:
        of = "" if conn.dialect.name in _NAMES else f" ON {REPLACED[name]}"
        conn.execute(text(f"DROP INDEX {name}{of}"))
    return found
