"""Properties of a namespace."""

from __future__ import annotations

from sqlalchemy import Connection

from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.items import ItemRules, Items
from imagestore.database.metadefs import resource_types
from imagestore.database.metadefs.items import PROPERTIES
from imagestore.identity.caller import Caller
from imagestore.model.errors import NotFound
from imagestore.model.metadef import MetadefProperty


class Properties(Items[MetadefProperty]):
    """The operations on properties."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(
            deps,
            PROPERTIES,
            ItemRules(
                show="get_metadef_property",
                list="get_metadef_properties",
                add="add_metadef_property",
                change="modify_metadef_property",
                remove="remove_metadef_property",
            ),
        )

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
        found = self._access.find(conn, caller, namespace)
        self._access.require("get_metadef_property", caller, found)
        self._access.require("get_metadef_resource_type", caller, found)
        association = resource_types.association(conn, found.id, resource_type)
        if association is None:
            raise NotFound(f"The namespace {namespace} is not tied to {resource_type}.")
        prefix = association.prefix
        if not prefix or not name.startswith(prefix):
            raise NotFound(f"On {resource_type} no property of {namespace} is called {name}.")
        return self._find(conn, found, name.removeprefix(prefix))
