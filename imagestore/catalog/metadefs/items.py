"""Objects, properties and tags of a namespace: the operations that all three have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.access import NamespaceAccess, require_unprotected
from imagestore.database.metadefs.items import ItemKind
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import NotFound
from imagestore.model.metadef import Item, Namespace

T = TypeVar("T", bound=Item)


@dataclass(frozen=True, slots=True)
class ItemRules:
    """The names of the policy rules for one kind.

    ``clear``: all of these have to allow it. ``listed``: without this one the list is empty.
    """

    show: str
    list: str
    add: str
    change: str
    remove: str
    clear: tuple[str, ...] = ("delete_metadef_namespace",)
    listed: str | None = None


class Items(Generic[T]):
    """The operations on what has a name of its own within a namespace."""

    def __init__(self, deps: Dependencies, kind: ItemKind[T], rules: ItemRules) -> None:
        self._database = deps.database
        self._access = NamespaceAccess(deps.policy)
        self._kind = kind
        self._rules = rules

    async def all(self, caller: Caller, namespace: str) -> tuple[T, ...]:
        """Those that the caller may see, in the order of their names."""
        return await self._database.read(self._all, caller, namespace)

    async def show(self, caller: Caller, namespace: str, name: str) -> T:
        return await self._database.read(self._show, caller, namespace, name)

    async def add(self, caller: Caller, namespace: str, item: T) -> T:
        require_writer(caller)
        return await self._database.write(self._add, caller, namespace, item)

    async def replace(self, caller: Caller, namespace: str, name: str, item: T) -> T:
        """Put ``item``, which may have another name, in the place of the one called ``name``."""
        require_writer(caller)
        return await self._database.write(self._replace, caller, namespace, name, item)

    async def remove(self, caller: Caller, namespace: str, name: str) -> None:
        require_writer(caller)
        await self._database.write(self._remove, caller, namespace, name)

    async def clear(self, caller: Caller, namespace: str) -> None:
        require_writer(caller)
        await self._database.write(self._clear, caller, namespace)

    def _all(self, conn: Connection, caller: Caller, namespace: str) -> tuple[T, ...]:
        found = self._access.find(conn, caller, namespace, self._rules.list)
        if self._rules.listed and not self._access.allows(self._rules.listed, caller, found):
            return ()
        return self._kind.list(conn, found.id)

    def _show(self, conn: Connection, caller: Caller, namespace: str, name: str) -> T:
        found = self._access.find(conn, caller, namespace, self._rules.show)
        return self._find(conn, found, name)

    def _add(self, conn: Connection, caller: Caller, namespace: str, item: T) -> T:
        found = self._access.find(conn, caller, namespace, self._rules.add, lock=True)
        moment = now()
        self._kind.add(conn, found.id, [item], moment)
        return replace(item, created_at=moment, updated_at=moment)

    def _replace(self, conn: Connection, caller: Caller, namespace: str, name: str, item: T) -> T:
        found = self._access.find(conn, caller, namespace, self._rules.change, lock=True)
        before = self._find(conn, found, name)
        moment = now()
        self._kind.change(conn, found.id, before.name, item, moment)
        return replace(item, created_at=before.created_at, updated_at=moment)

    def _remove(self, conn: Connection, caller: Caller, namespace: str, name: str) -> None:
        found = self._access.find(conn, caller, namespace, self._rules.remove, lock=True)
        self._find(conn, found, name)
        require_unprotected(found, f"the {self._kind.word} {name}")
        self._kind.remove(conn, found.id, name)

    def _clear(self, conn: Connection, caller: Caller, namespace: str) -> None:
        found = self._access.find(conn, caller, namespace, *self._rules.clear, lock=True)
        require_unprotected(found, "what is in it")
        self._kind.clear(conn, found.id)

    def _find(self, conn: Connection, namespace: Namespace, name: str) -> T:
        item = self._kind.get(conn, namespace.id, name)
        if item is None:
            raise NotFound(
                f"There is no {self._kind.word} {name} in the namespace {namespace.namespace}."
            )
        return item
