"""Namespaces: create with all that is in them, show, list, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.access import NamespaceAccess, require_unprotected
from imagestore.catalog.notifications import Notifications
from imagestore.database.metadefs import contents, namespaces, resource_types
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Invalid
from imagestore.model.metadef import (
    Association,
    Contents,
    Namespace,
    NamespaceDraft,
    NamespaceFilter,
    Page,
)
from imagestore.model.query import Scope

OWNER_OF_NOBODY = "admin"
"""Whom a namespace belongs to that an administrator without a project creates."""

_SEES_ALL = (
    "get_metadef_namespace",
    "list_metadef_resource_types",
    "get_metadef_objects",
    "get_metadef_properties",
    "get_metadef_tags",
)


@dataclass(frozen=True, slots=True)
class NamespacePage:
    """``next`` is the marker of the page that follows; None if this one was not full."""

    namespaces: list[Namespace]
    associations: Mapping[int, tuple[Association, ...]]
    """By the id of the namespace; those without any are left out."""
    next: str | None


class Namespaces:
    def __init__(self, deps: Dependencies) -> None:
        self._database = deps.database
        self._access = NamespaceAccess(deps.policy)
        self._notify = Notifications(deps.notifier)

    async def create(self, caller: Caller, draft: NamespaceDraft, inside: Contents) -> Namespace:
        """Make a namespace and all that is to be in it, or nothing."""
        require_writer(caller)
        require = self._access.require
        require("add_metadef_namespace", caller)
        for given, rule in (
            (inside.associations, "add_metadef_resource_type_association"),
            (inside.objects, "add_metadef_object"),
            (inside.properties, "add_metadef_property"),
            (inside.tags, "add_metadef_tag"),
        ):
            if given:
                require(rule, caller)
        namespace = draft.made(_owner(draft.owner, caller), now())
        await self._database.write(_create, namespace, inside)
        self._notify.namespace("create", namespace)
        return namespace

    async def show(self, caller: Caller, name: str) -> tuple[Namespace, Contents]:
        return await self._database.read(self._show, caller, name)

    async def page(self, caller: Caller, wanted: NamespaceFilter, page: Page) -> NamespacePage:
        """One page of the namespaces that the caller may see."""
        self._access.require("get_metadef_namespaces", caller)
        self._access.require("list_metadef_resource_types", caller)
        return await self._database.read(self._page, caller, wanted, page)

    async def replace(self, caller: Caller, name: str, draft: NamespaceDraft) -> Namespace:
        """Give a namespace new attributes, all of them; what is in it stays."""
        require_writer(caller)
        namespace = await self._database.write(self._replace, caller, name, draft)
        self._notify.namespace("update", namespace, former=name)
        return namespace

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove a namespace with all that is in it."""
        require_writer(caller)
        namespace = await self._database.write(self._delete, caller, name)
        self._notify.namespace("delete", namespace)

    def _show(self, conn: Connection, caller: Caller, name: str) -> tuple[Namespace, Contents]:
        found = self._access.find(conn, caller, name, *_SEES_ALL)
        return found, contents.load(conn, found.id)

    def _page(
        self, conn: Connection, caller: Caller, wanted: NamespaceFilter, page: Page
    ) -> NamespacePage:
        marker = None if page.marker is None else self._access.find(conn, caller, page.marker)
        scope = Scope(caller.project_id, is_admin=caller.is_admin)
        found = namespaces.select_page(conn, scope, wanted, page, marker)
        is_full = bool(found) and len(found) == page.limit
        shown = [one for one in found if self._access.allows("get_metadef_namespace", caller, one)]
        return NamespacePage(
            shown,
            resource_types.associations(conn, [one.id for one in shown]),
            found[-1].namespace if is_full else None,
        )

    def _replace(
        self, conn: Connection, caller: Caller, name: str, draft: NamespaceDraft
    ) -> Namespace:
        before = self._access.find(conn, caller, name, "modify_metadef_namespace", lock=True)
        made = draft.made(_owner(draft.owner, caller), now())
        after = replace(made, id=before.id, created_at=before.created_at)
        namespaces.change(conn, after)
        return after

    def _delete(self, conn: Connection, caller: Caller, name: str) -> Namespace:
        found = self._access.find(conn, caller, name, "delete_metadef_namespace", lock=True)
        require_unprotected(found, "it")
        namespaces.remove(conn, found.id)
        return found


def _create(conn: Connection, namespace: Namespace, inside: Contents) -> None:
    namespace_id = namespaces.add(conn, namespace)
    contents.add(conn, namespace_id, inside, namespace.created_at)


def _owner(asked: str | None, caller: Caller) -> str:
    owner = asked or caller.project_id or (OWNER_OF_NOBODY if caller.is_admin else None)
    if owner is None:
        raise Invalid("A namespace needs an owner, and the caller has no project.")
    return owner
