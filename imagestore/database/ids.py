"""Ids of which only the beginning is given, as people type them."""

from __future__ import annotations

from sqlalchemy import Column, Connection, select

from imagestore.model.errors import Conflict

_CHOICES = 5


def whole(conn: Connection, column: Column[str], beginning: str) -> str:
    """The only id in the column that begins so; what no id begins with stays as it is.

    Raises :class:`Conflict` where there are several, and names some.
    """
    if not beginning or conn.scalar(select(column).where(column == beginning).limit(1)):
        return beginning
    begin_so = select(column).distinct().where(column.startswith(beginning, autoescape=True))
    found = list(conn.scalars(begin_so.order_by(column).limit(_CHOICES + 1)))
    if len(found) > 1:
        choices = ", ".join(found[:_CHOICES]) + (", …" if len(found) > _CHOICES else "")
        raise Conflict(f"Several ids begin with {beginning}: {choices}")
    return found[0] if found else beginning
