"""The operations on metadata definitions by resource."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.items import ItemRules, Items
from imagestore.catalog.metadefs.namespaces import Namespaces
from imagestore.catalog.metadefs.resource_types import ResourceTypes
from imagestore.database.metadefs import resource_types
from imagestore.database.metadefs.items import OBJECTS, PROPERTIES, TAGS
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import NotFound
from imagestore.model.metadef import MetadefObject, MetadefProperty, MetadefTag, Page

_OBJECT_RULES = ItemRules(
    show="get_metadef_object",
    list="get_metadef_objects",
    add="add_metadef_object",
    change="modify_metadef_object",
    remove="delete_metadef_object",
    listed="get_metadef_object",
)
_PROPERTY_RULES = ItemRules(
    show="get_metadef_property",
    list="get_metadef_properties",
    add="add_metadef_property",
    change="modify_metadef_property",
    remove="remove_metadef_property",
)
_TAG_RULES = ItemRules(
    show="get_metadef_tag",
    list="get_metadef_tags",
    add="add_metadef_tag",
    change="modify_metadef_tag",
    remove="delete_metadef_tag",
    clear=("delete_metadef_namespace", "delete_metadef_tags"),
)


class Metadefs:
    """Namespaces and what is in them."""

    def __init__(self, deps: Dependencies) -> None:
        self.namespaces = Namespaces(deps)
        self.objects = Items[MetadefObject](deps, OBJECTS, _OBJECT_RULES)
        self.properties = Properties(deps, PROPERTIES, _PROPERTY_RULES)
        self.tags = MetadefTags(deps, TAGS, _TAG_RULES)
        self.resource_types = ResourceTypes(deps)


class Properties(Items[MetadefProperty]):
    async def show_prefixed(
        self, caller: Caller, namespace: str, name: str, resource_type: str
    ) -> MetadefProperty:
        """The property that is called ``name`` where it is set on ``resource_type``."""
        return await self._database.read(
            self._show_prefixed, caller, namespace, name, resource_type
        )

    def _show_prefixed(
        self, conn: Connection, caller: Caller, namespace: str, name: str, resource_type: str
    ) -> MetadefProperty:
        rules = ("get_metadef_property", "get_metadef_resource_type")
        found = self._access.find(conn, caller, namespace, *rules)
        association = resource_types.association(conn, found.id, resource_type)
        if association is None:
            raise NotFound(f"The namespace {namespace} is not tied to {resource_type}.")
        prefix = association.prefix
        if not prefix or not name.startswith(prefix):
            raise NotFound(f"On {resource_type} no property of {namespace} is called {name}.")
        return self._find(conn, found, name.removeprefix(prefix))


class MetadefTags(Items[MetadefTag]):
    """The operations on tags: words to choose from."""

    async def page(self, caller: Caller, namespace: str, page: Page) -> tuple[MetadefTag, ...]:
        """One page of those that the caller may see."""
        return await self._database.read(self._page, caller, namespace, page)

    async def add_all(
        self, caller: Caller, namespace: str, tags: Sequence[MetadefTag], *, keep: bool
    ) -> None:
        """Write ``tags``; those that there are go, unless ``keep`` or nothing is to be written."""
        require_writer(caller)
        await self._database.write(self._add_all, caller, namespace, tags, keep)

    def _page(
        self, conn: Connection, caller: Caller, namespace: str, page: Page
    ) -> tuple[MetadefTag, ...]:
        found = self._access.find(conn, caller, namespace, "get_metadef_tags")
        return TAGS.page(conn, found.id, page)

    def _add_all(
        self,
        conn: Connection,
        caller: Caller,
        namespace: str,
        tags: Sequence[MetadefTag],
        keep: bool,
    ) -> None:
        found = self._access.find(conn, caller, namespace, "add_metadef_tags", lock=True)
        if tags and not keep:
            TAGS.clear(conn, found.id)
        TAGS.add(conn, found.id, tags, now())
