"""Which characters the tables hold: in MariaDB and MySQL of three bytes, until they are widened.

Glance makes its tables with the character set utf8mb3. Only the columns with names and
values that callers choose are looked at and changed; ids and what refers to them stay.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from imagestore.database import schema
from imagestore.database.migrations.lock import hold
from imagestore.model.errors import ConfigurationError

WIDE = "utf8mb4"
COLLATION = "utf8mb4_unicode_520_ci"
"""As blind to case as Glance's own; to the older ones all emoji are the same."""

COLUMNS = (
    schema.images.c.name,
    schema.image_properties.c.name,
    schema.image_properties.c.value,
    schema.image_tags.c.value,
    schema.metadef_namespaces.c.namespace,
    schema.metadef_namespaces.c.display_name,
    schema.metadef_namespaces.c.description,
    schema.metadef_objects.c.name,
    schema.metadef_objects.c.description,
    schema.metadef_objects.c.required,
    schema.metadef_objects.c.json_schema,
    schema.metadef_properties.c.name,
    schema.metadef_properties.c.json_schema,
    schema.metadef_tags.c.name,
    schema.metadef_resource_types.c.name,
    schema.metadef_namespace_resource_types.c.properties_target,
    schema.metadef_namespace_resource_types.c.prefix,
    schema.task_info.c.input,
    schema.task_info.c.result,
    schema.task_info.c.message,
)

_NARROW = text(
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = DATABASE() AND character_set_name <> :wide"
)


def narrow(conn: Connection) -> list[str]:
    """The columns, as ``table.column``, that do not hold characters of four bytes."""
    if conn.dialect.name not in ("mysql", "mariadb"):
        return []
    found = {f"{table}.{column}" for table, column in conn.execute(_NARROW, {"wide": WIDE})}
    return [str(column) for column in COLUMNS if str(column) in found]


def require_four_bytes(conn: Connection) -> None:
    """Raise :class:`ConfigurationError` if there is such a column."""
    if columns := narrow(conn):
        raise ConfigurationError(
            "[imagestore] four_byte_characters: the tables do not hold them "
            f"({', '.join(columns)}): run 'imagestore db widen'."
        )


def widen(conn: Connection) -> list[str]:
    """Give those columns four bytes a character; which they were. May be repeated.

    Each table is written anew. What is unique stays so, or that column's change fails.
    """
    with hold(conn):
        columns = narrow(conn)
        for column in COLUMNS:
            if str(column) not in columns:
                continue
            quoted = conn.dialect.identifier_preparer.quote
            kind = column.type.compile(conn.dialect)
            null = "NULL" if column.nullable else "NOT NULL"
            conn.exec_driver_sql(
                f"ALTER TABLE {quoted(column.table.name)} MODIFY {quoted(column.name)} {kind} "
                f"CHARACTER SET {WIDE} COLLATE {COLLATION} {null}"
            )
        return columns
