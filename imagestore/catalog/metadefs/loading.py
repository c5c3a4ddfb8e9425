"""Definitions from files into the database, as an operator loads them; and all of them out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Connection

from imagestore.catalog.metadefs.namespaces import OWNER_OF_NOBODY
from imagestore.database.metadefs import contents, namespaces, resource_types
from imagestore.database.metadefs.items import OBJECTS, PROPERTIES
from imagestore.model.metadef import (
    Association,
    Contents,
    Item,
    Namespace,
    NamespaceDraft,
)

T = TypeVar("T", bound=Item | Association)


class Mode(StrEnum):
    """What becomes of a namespace that is there already."""

    SKIP = "skip"
    """It stays as it is."""
    MERGE = "merge"
    """It gets what it does not have."""
    PREFER_NEW = "prefer-new"
    """That, and what it has becomes what the file says."""
    OVERWRITE = "overwrite"
    """It is removed and made anew."""


class LoadResult(StrEnum):
    CREATED = "created"
    SKIPPED = "left as it is"
    MERGED = "merged"
    OVERWRITTEN = "overwritten"


def load(
    conn: Connection, draft: NamespaceDraft, inside: Contents, mode: Mode, moment: datetime
) -> LoadResult:
    """Write one namespace; one without an owner belongs to :data:`OWNER_OF_NOBODY`."""
    wanted = draft.made(draft.owner or OWNER_OF_NOBODY, moment)
    before = namespaces.get(conn, draft.namespace, lock=True)
    if before is None:
        _add(conn, wanted, inside)
        return LoadResult.CREATED
    if mode is Mode.SKIP:
        return LoadResult.SKIPPED
    if mode is Mode.OVERWRITE:
        namespaces.remove(conn, before.id)
        _add(conn, wanted, inside)
        return LoadResult.OVERWRITTEN
    there = contents.load(conn, before.id)
    contents.add(conn, before.id, _missing(inside, there), moment, protected_types=True)
    if mode is Mode.PREFER_NEW:
        namespaces.change(conn, replace(wanted, id=before.id))
        _renew(conn, before.id, inside, there, moment)
    return LoadResult.MERGED


def dump(conn: Connection) -> list[tuple[Namespace, Contents]]:
    """Every namespace with all that is in it."""
    return [(one, contents.load(conn, one.id)) for one in namespaces.list_all(conn)]


def _add(conn: Connection, namespace: Namespace, inside: Contents) -> None:
    namespace_id = namespaces.add(conn, namespace)
    contents.add(conn, namespace_id, inside, namespace.created_at, protected_types=True)


def _missing(inside: Contents, there: Contents) -> Contents:
    known = {tag.name.casefold() for tag in there.tags}
    return Contents(
        associations=_without(inside.associations, there.associations),
        objects=_without(inside.objects, there.objects),
        properties=_without(inside.properties, there.properties),
        tags=tuple(tag for tag in inside.tags if tag.name.casefold() not in known),
    )


def _renew(
    conn: Connection, namespace_id: int, inside: Contents, there: Contents, moment: datetime
) -> None:
    """Give what is in both the form that it has in ``inside``. A tag is no more than its name."""
    for association in _common(inside.associations, there.associations):
        resource_types.reassociate(conn, namespace_id, association, moment)
    for item in _common(inside.objects, there.objects):
        OBJECTS.change(conn, namespace_id, item.name, item, moment)
    for one in _common(inside.properties, there.properties):
        PROPERTIES.change(conn, namespace_id, one.name, one, moment)


def _without(wanted: tuple[T, ...], there: tuple[T, ...]) -> tuple[T, ...]:
    known = {one.name for one in there}
    return tuple(one for one in wanted if one.name not in known)


def _common(wanted: tuple[T, ...], there: tuple[T, ...]) -> tuple[T, ...]:
    known = {one.name for one in there}
    return tuple(one for one in wanted if one.name in known)
