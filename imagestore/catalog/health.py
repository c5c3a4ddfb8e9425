"""Whether the parts that every request needs are there."""

from __future__ import annotations

from sqlalchemy import Connection, text

from imagestore.catalog.dependencies import Dependencies
from imagestore.identity.caller import Caller


class Health:
    """Cheap questions; each raises when the answer is no."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    def authorize_details(self, caller: Caller) -> None:
        """Raise unless the caller may be told how stores are configured and whether they answer."""
        self._deps.policy.authorize("stores_info_detail", caller, {})

    async def database(self) -> None:
        await self._deps.database.read(_ask)

    async def default_store(self) -> None:
        await self._deps.stores.default.capacity()


def _ask(conn: Connection) -> None:
    conn.execute(text("SELECT 1"))
