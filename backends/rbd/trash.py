"""RBD's trash: where a removed image is while it has clones, and while it is being removed.

A removal goes through the trash: the name goes first, then the data. One that breaks off
in between, as the cluster did not answer, leaves an image that only the trash knows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imagestore.backends.rbd.connection import Connection


@dataclass(frozen=True, slots=True)
class Trashed:
    """An entry. ``until``: when whoever moved it there lets it go, in UTC without zone."""

    id: str
    name: str
    until: datetime


def find(connection: Connection, pool: str, image: str) -> Trashed | None:
    """The entry of an image by its id in RBD; None if it is gone. Blocks."""
    with connection.errors():
        try:
            entry = connection.rbd.RBD().trash_get(connection.pool(pool), image)
        except connection.rbd.ImageNotFound:
            return None
    until: datetime = entry["deferment_end_time"]
    if until.tzinfo is not None:
        until = until.astimezone(UTC).replace(tzinfo=None)
    return Trashed(image, entry["name"], until)


def is_removable(connection: Connection, pool: str, entry: Trashed) -> bool:
    """Whether nothing needs it any more: no clone, nobody who has it open, no grace. Blocks."""
    if entry.until > datetime.now(UTC).replace(tzinfo=None):
        return False
    rbd, context = connection.rbd, connection.pool(pool)
    with connection.errors():
        try:
            with rbd.Image(context, image_id=entry.id, read_only=True) as image:
                return not list(image.list_snaps())
        except rbd.ImageNotFound:
            return True  # half made, or half removed


def purge(
    connection: Connection, pool: str, name: str, *, report: Callable[..., int] | None = None
) -> int:
    """Remove what once had that name, as far as nothing needs it; how many that were. Blocks.

    :class:`~imagestore.backends.errors.Busy` while someone else is removing it.
    """
    rbd, context, removed = connection.rbd, connection.pool(pool), 0
    with connection.errors():
        # librbd keeps quiet about removals that broke off, but goes on with one by its name.
        if not _is_named(connection, pool, name):
            with contextlib.suppress(rbd.ImageNotFound):
                rbd.RBD().remove(context, name, on_progress=report)
                removed += 1
        entries: Any = [each for each in rbd.RBD().trash_list(context) if each["name"] == name]
        for each in entries:
            found = find(connection, pool, each["id"])
            if found is None or not is_removable(connection, pool, found):
                continue
            try:
                rbd.RBD().trash_remove(context, each["id"], False, on_progress=report)
            except (rbd.ImageNotFound, rbd.ImageHasSnapshots):
                continue  # someone was faster, or makes a clone
            removed += 1
    return removed


def _is_named(connection: Connection, pool: str, name: str) -> bool:
    """Whether an image has that name, be it one that is just being made."""
    try:
        connection.pool(pool).stat(f"rbd_id.{name}")
    except connection.rados.ObjectNotFound:
        return False
    return True
