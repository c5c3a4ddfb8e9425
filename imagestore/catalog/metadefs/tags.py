"""Tags of a namespace: words to choose from."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.items import ItemRules, Items
from imagestore.database.metadefs.items import TAGS
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.metadef import MetadefTag, Page


class MetadefTags(Items[MetadefTag]):
    """The operations on tags."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(
            deps,
            TAGS,
            ItemRules(
                show="get_metadef_tag",
                list="get_metadef_tags",
                add="add_metadef_tag",
                change="modify_metadef_tag",
                remove="delete_metadef_tag",
                clear=("delete_metadef_namespace", "delete_metadef_tags"),
            ),
        )

    async def page(self, caller: Caller, namespace: str, page: Page) -> tuple[MetadefTag, ...]:
        """One page of those that the caller may see."""
        return await self._database.read(self._page, caller, namespace, page)

    async def add_all(
        self, caller: Caller, namespace: str, tags: Sequence[MetadefTag], *, keep: bool
    ) -> None:
        """Write ``tags``; those that there are go, unless ``keep`` or nothing is to be written."""
        require_writer(caller)
        await self._database.write(self._add_all, caller, namespace, tags, keep=keep)

    def _page(
        self, conn: Connection, caller: Caller, namespace: str, page: Page
    ) -> tuple[MetadefTag, ...]:
        found = self._access.find(conn, caller, namespace)
        self._access.require("get_metadef_tags", caller, found)
        return TAGS.page(conn, found.id, page)

    def _add_all(
        self,
        conn: Connection,
        caller: Caller,
        namespace: str,
        tags: Sequence[MetadefTag],
        *,
        keep: bool,
    ) -> None:
        found = self._access.find(conn, caller, namespace, lock=True)
        self._access.require("add_metadef_tags", caller, found)
        if tags and not keep:
            TAGS.clear(conn, found.id)
        TAGS.add(conn, found.id, tags, now())
