"""What lies in a pool: images by name, and what RBD's trash has of them.

Read in pages from the objects that keep the names, as librbd itself would hand over all at once.
"""

from __future__ import annotations

from typing import Any

from imagestore.backends.base import Held
from imagestore.backends.ids import is_id
from imagestore.backends.rbd import trash
from imagestore.backends.rbd.connection import Connection

_NAMES = 1000
_TRASHED = 50
"""Entries of the trash in a page: each takes requests of its own."""


def names(connection: Connection, pool: str, after: str) -> tuple[list[Held], str | None]:
    """Images that follow a place in the list, and the next place; None at the end. Blocks."""
    keys = _keys(connection, pool, "rbd_directory", "name_", after, _NAMES)
    found = [name for key in keys if is_id(name := key.removeprefix("name_"))]
    return [Held(name, whole=True) for name in found], keys[-1] if keys else None


def trashed(connection: Connection, pool: str, after: str) -> tuple[list[Held], str | None]:
    """The same of the trash: what could be removed from there by now. Blocks.

    What still has snapshots is what clones are made of: nobody's to remove before them.
    """
    keys = _keys(connection, pool, "rbd_trash", "id_", after, _TRASHED)
    found = [trash.find(connection, pool, key.removeprefix("id_")) for key in keys]
    removable = [
        each.name
        for each in found
        if each is not None and is_id(each.name) and trash.is_removable(connection, pool, each)
    ]
    return [Held(name, whole=False) for name in removable], keys[-1] if keys else None


def _keys(
    connection: Connection, pool: str, keeper: str, prefix: str, after: str, count: int
) -> list[str]:
    rados = connection.rados
    with connection.errors(), rados.ReadOpCtx() as operation:
        pairs, _ = connection.pool(pool).get_omap_vals(operation, after, prefix, count)
        try:
            connection.pool(pool).operate_read_op(operation, keeper)
        except rados.ObjectNotFound:
            return []
        keys: Any = [key for key, _ in pairs]
        return [str(key) for key in keys]
