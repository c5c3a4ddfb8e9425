"""Resource types, and which namespaces are for which of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from imagestore.database.schema import metadef_namespace_resource_types as ties
from imagestore.database.schema import metadef_resource_types
from imagestore.model.errors import Conflict
from imagestore.model.metadef import Association, ResourceType

_types = metadef_resource_types.c
_ASSOCIATIONS = select(
    ties.c.namespace_id,
    _types.name,
    ties.c.prefix,
    ties.c.properties_target,
    ties.c.created_at,
    ties.c.updated_at,
).join(metadef_resource_types, _types.id == ties.c.resource_type_id)


def list_all(conn: Connection) -> list[ResourceType]:
    """Every resource type that was ever named, in that order."""
    statement = select(_types.name, _types.created_at, _types.updated_at).order_by(_types.id)
    return [
        ResourceType(name, created_at, updated_at or created_at)
        for name, created_at, updated_at in conn.execute(statement)
    ]


def associations(
    conn: Connection, namespace_ids: Sequence[int]
) -> Mapping[int, tuple[Association, ...]]:
    """The associations of many namespaces by id, in the order of their resource types."""
    statement = _ASSOCIATIONS.where(ties.c.namespace_id.in_(namespace_ids)).order_by(_types.id)
    found: dict[int, tuple[Association, ...]] = {}
    for namespace_id, name, prefix, target, created_at, updated_at in conn.execute(statement):
        association = Association(name, prefix, target, created_at, updated_at or created_at)
        found[namespace_id] = (*found.get(namespace_id, ()), association)
    return found


def association(conn: Connection, namespace_id: int, name: str) -> Association | None:
    statement = _ASSOCIATIONS.where(ties.c.namespace_id == namespace_id, _types.name == name)
    row = conn.execute(statement).one_or_none()
    if row is None:
        return None
    _, name, prefix, target, created_at, updated_at = row
    return Association(name, prefix, target, created_at, updated_at or created_at)


def associate(
    conn: Connection,
    namespace_id: int,
    wanted: Sequence[Association],
    moment: datetime,
    *,
    protected: bool = False,
) -> None:
    """Tie a namespace to resource types; those that are new are made, ``protected`` or not.

    Raises :class:`Conflict` if it is tied to one of them already.
    """
    if not wanted:
        return
    rows = [
        {
            "namespace_id": namespace_id,
            "resource_type_id": _ensure(conn, one.name, moment, protected=protected),
            "prefix": one.prefix,
            "properties_target": one.properties_target,
            "created_at": moment,
            "updated_at": moment,
        }
        for one in wanted
    ]
    try:
        conn.execute(insert(ties), rows)
    except IntegrityError as error:
        names = ", ".join(one.name for one in wanted)
        raise Conflict(f"The namespace is tied to a resource type of these: {names}.") from error


def reassociate(
    conn: Connection, namespace_id: int, association: Association, moment: datetime
) -> None:
    """Change prefix and target of an association that there is."""
    statement = update(ties).where(*_tie(namespace_id, association.name))
    values = {
        "prefix": association.prefix,
        "properties_target": association.properties_target,
        "updated_at": moment,
    }
    conn.execute(statement, values)


def dissociate(conn: Connection, namespace_id: int, name: str) -> bool:
    """Untie a namespace from a resource type; whether it was tied."""
    return conn.execute(delete(ties).where(*_tie(namespace_id, name))).rowcount > 0


def _tie(namespace_id: int, name: str) -> tuple[Any, Any]:
    ids = select(_types.id).where(_types.name == name).scalar_subquery()
    return ties.c.namespace_id == namespace_id, ties.c.resource_type_id == ids


def _ensure(conn: Connection, name: str, moment: datetime, *, protected: bool) -> int:
    """The id of the resource type, which is made if there is none.

    One at a time, because only the database knows which names it takes for the same.
    """
    statement = select(_types.id).where(_types.name == name)
    found = conn.execute(statement).scalar()
    if found is None:
        row = {"name": name, "protected": protected, "created_at": moment, "updated_at": moment}
        # If somebody else has just made it, that is as good.
        with contextlib.suppress(IntegrityError), conn.begin_nested():
            conn.execute(insert(metadef_resource_types), row)
        # What is committed by now, not when the transaction began.
        found = conn.execute(statement.with_for_update(read=True)).scalar_one()
    return int(found)
