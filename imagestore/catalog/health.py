"""Whether the parts that every request needs are there."""

from __future__ import annotations

from sqlalchemy import Connection, text

from imagestore.catalog.parts import Parts


class Health:
    """Cheap questions; each raises when the answer is no."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def database(self) -> None:
        await self._parts.database.read(_ask)

    async def default_store(self) -> None:
        await self._parts.stores.default.capacity()


def _ask(conn: Connection) -> None:
    conn.execute(text("SELECT 1"))
