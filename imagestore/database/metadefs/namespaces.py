"""Namespaces of metadata definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from imagestore.database.metadefs import pages
from imagestore.database.schema import (
    metadef_namespace_resource_types,
    metadef_namespaces,
    metadef_objects,
    metadef_properties,
    metadef_resource_types,
    metadef_tags,
)
from imagestore.database.sizes import fitting
from imagestore.model.errors import Conflict
from imagestore.model.metadef import (
    PRIVATE,
    PUBLIC,
    Namespace,
    NamespaceDraft,
    NamespaceFilter,
    Page,
)
from imagestore.model.query import Scope

_c = metadef_namespaces.c
_SELECT = select(metadef_namespaces)
_CONTENTS = (
    metadef_tags,
    metadef_objects,
    metadef_properties,
    metadef_namespace_resource_types,
)
"""The tables of what is in a namespace, each with its ``namespace_id``."""


def get(conn: Connection, name: str, *, lock: bool = False) -> Namespace | None:
    """The namespace of this name, whoever may see it.

    ``lock`` keeps other transactions from changing it, or what is in it, until this one
    ends; it has to be the first that a transaction does.
    """
    statement = _SELECT.where(_c.namespace == name)
    row = conn.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else _to_namespace(row)


def list_all(conn: Connection) -> list[Namespace]:
    """Every namespace, in the order of their names."""
    return [_to_namespace(row) for row in conn.execute(_SELECT.order_by(_c.namespace))]


def select_page(
    conn: Connection,
    scope: Scope,
    wanted: NamespaceFilter,
    page: Page,
    marker: Namespace | None = None,
) -> list[Namespace]:
    """The namespaces of one page that ``scope`` may see; ``marker`` as the page names it."""
    statement = _SELECT
    if not scope.is_admin:
        visible = _c.visibility == PUBLIC
        if scope.project_id is not None:
            visible = or_(visible, _c.owner == scope.project_id)
        statement = statement.where(visible)
    if wanted.visibility is not None:
        statement = statement.where(_c.visibility == wanted.visibility)
    if wanted.resource_types is not None:
        statement = statement.where(_c.id.in_(_tied_to(wanted.resource_types)))
    marker_id = None if marker is None else marker.id
    rows = pages.page_of(conn, metadef_namespaces, statement, page, marker_id)
    return [_to_namespace(row) for row in rows]


def _tied_to(resource_types: Sequence[str]) -> Any:
    ties = metadef_namespace_resource_types
    return (
        select(ties.c.namespace_id)
        .join(metadef_resource_types, metadef_resource_types.c.id == ties.c.resource_type_id)
        .where(metadef_resource_types.c.name.in_(resource_types))
    )


def add(conn: Connection, namespace: Namespace) -> int:
    """Write a new namespace; its id. :class:`Conflict` if the name is taken."""
    row = {**_to_row(namespace), "created_at": namespace.created_at}
    try:
        key = conn.execute(insert(metadef_namespaces), row).inserted_primary_key
    except IntegrityError as error:
        raise _taken(namespace.namespace) from error
    assert key is not None
    return int(key[0])


def change(conn: Connection, namespace: Namespace) -> None:
    """Write all attributes of the one with this id. :class:`Conflict` if the name is taken."""
    statement = update(metadef_namespaces).where(_c.id == namespace.id)
    try:
        conn.execute(statement, _to_row(namespace))
    except IntegrityError as error:
        raise _taken(namespace.namespace) from error


def remove(conn: Connection, namespace_id: int) -> None:
    """Delete a namespace with all that is in it. Resource types stay."""
    for table in _CONTENTS:
        conn.execute(delete(table).where(table.c.namespace_id == namespace_id))
    conn.execute(delete(metadef_namespaces).where(_c.id == namespace_id))


def remove_all(conn: Connection) -> int:
    """Delete every metadata definition, resource types too; how many namespaces there were."""
    for table in _CONTENTS:
        conn.execute(delete(table))
    gone = conn.execute(delete(metadef_namespaces)).rowcount
    conn.execute(delete(metadef_resource_types))
    return gone


def _to_row(namespace: Namespace) -> Mapping[str, Any]:
    names = (*NamespaceDraft.__slots__, "updated_at")
    row = {name: getattr(namespace, name) for name in names}
    return fitting(metadef_namespaces, row, "An attribute of the namespace")


def _to_namespace(row: Row[Any]) -> Namespace:
    filled = {
        "updated_at": row.updated_at or row.created_at,
        "visibility": row.visibility or PRIVATE,
        "protected": bool(row.protected),
    }
    return Namespace(**{**row._mapping, **filled})


def _taken(name: str) -> Conflict:
    return Conflict(f"The namespace {name} exists already.")
