"""The characters that the tables hold: of three bytes in MariaDB and MySQL, if not made wider."""

from __future__ import annotations

from sqlalchemy import Connection, text

from imagestore.database.schema import (
    image_properties,
    image_tags,
    images,
    metadef_namespace_resource_types,
    metadef_namespaces,
    metadef_objects,
    metadef_properties,
    metadef_resource_types,
    metadef_tags,
    task_info,
    tasks,
)
from imagestore.errors import ConfigurationError

WIDE = "utf8mb4"
_TABLES = (
    images, image_properties, image_tags, metadef_namespaces, metadef_objects, metadef_properties,
    metadef_tags, metadef_resource_types, metadef_namespace_resource_types, tasks, task_info,
)  # fmt: skip

_CHARACTER_SETS = text(
    "SELECT DISTINCT table_name FROM information_schema.columns "
    "WHERE table_schema = DATABASE() AND character_set_name <> :wide ORDER BY table_name"
)


def require_four_bytes(conn: Connection) -> None:
    """Raise :class:`ConfigurationError` if a table cannot hold characters of four bytes."""
    if conn.dialect.name not in ("mysql", "mariadb"):
        return
    found = set(conn.execute(_CHARACTER_SETS, {"wide": WIDE}).scalars())
    if narrow := [table.name for table in _TABLES if table.name in found]:
        raise ConfigurationError(
            f"[imagestore] four_byte_characters: the character set of the tables is not {WIDE}: "
            f"{', '.join(sorted(narrow))}. See docs/configuration.md."
        )
