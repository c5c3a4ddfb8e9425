"""All that is in one namespace, read and written together."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from imagestore.database.metadefs import resource_types
from imagestore.database.metadefs.items import OBJECTS, PROPERTIES, TAGS
from imagestore.model.metadef import Contents, Page


def load(conn: Connection, namespace_id: int) -> Contents:
    """In four statements, however much there is. Tags come newest first, as in their lists."""
    return Contents(
        associations=resource_types.associations(conn, [namespace_id]).get(namespace_id, ()),
        objects=OBJECTS.list(conn, namespace_id),
        properties=PROPERTIES.list(conn, namespace_id),
        tags=TAGS.page(conn, namespace_id, Page()),
    )


def add(
    conn: Connection,
    namespace_id: int,
    contents: Contents,
    moment: datetime,
    *,
    protected_types: bool = False,
) -> None:
    """Write what is new in the namespace. :class:`Conflict` if something is there already.

    ``protected_types``: how resource types are marked that are named for the first time.
    """
    resource_types.associate(
        conn, namespace_id, contents.associations, moment, protected=protected_types
    )
    OBJECTS.add(conn, namespace_id, contents.objects, moment)
    PROPERTIES.add(conn, namespace_id, contents.properties, moment)
    TAGS.add(conn, namespace_id, contents.tags, moment)
