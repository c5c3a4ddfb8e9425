"""Resource types, and the namespaces that are for them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.access import NamespaceAccess, require_unprotected
from imagestore.database.metadefs import resource_types
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import NotFound
from imagestore.model.metadef import Association, ResourceType


class ResourceTypes:
    """The operations on resource types and their associations with namespaces."""

    def __init__(self, deps: Dependencies) -> None:
        self._database = deps.database
        self._access = NamespaceAccess(deps.policy)

    async def all(self, caller: Caller) -> list[ResourceType]:
        """Every resource type that a namespace is or was for."""
        self._access.require("list_metadef_resource_types", caller)
        return await self._database.read(resource_types.list_all)

    async def of_namespace(self, caller: Caller, namespace: str) -> tuple[Association, ...]:
        return await self._database.read(self._of_namespace, caller, namespace)

    async def associate(
        self, caller: Caller, namespace: str, association: Association
    ) -> Association:
        """Tie a namespace to a resource type, which is made if nobody named it before."""
        require_writer(caller)
        return await self._database.write(self._associate, caller, namespace, association)

    async def dissociate(self, caller: Caller, namespace: str, name: str) -> None:
        require_writer(caller)
        await self._database.write(self._dissociate, caller, namespace, name)

    def _of_namespace(
        self, conn: Connection, caller: Caller, namespace: str
    ) -> tuple[Association, ...]:
        found = self._access.find(conn, caller, namespace, "list_metadef_resource_types")
        if not self._access.allows("get_metadef_resource_type", caller, found):
            return ()
        return resource_types.associations(conn, [found.id]).get(found.id, ())

    def _associate(
        self, conn: Connection, caller: Caller, namespace: str, association: Association
    ) -> Association:
        found = self._access.find(
            conn, caller, namespace, "add_metadef_resource_type_association", lock=True
        )
        moment = now()
        resource_types.associate(conn, found.id, [association], moment)
        return replace(association, created_at=moment, updated_at=moment)

    def _dissociate(self, conn: Connection, caller: Caller, namespace: str, name: str) -> None:
        found = self._access.find(
            conn, caller, namespace, "remove_metadef_resource_type_association", lock=True
        )
        if resource_types.association(conn, found.id, name) is None:
            raise NotFound(f"The namespace {namespace} is not tied to the resource type {name}.")
        require_unprotected(found, "its associations")
        resource_types.dissociate(conn, found.id, name)
