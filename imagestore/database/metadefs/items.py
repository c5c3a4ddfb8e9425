"""What has a name of its own within a namespace: objects, properties and tags."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import Connection, Row, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from imagestore.database.metadefs import pages
from imagestore.database.schema import metadef_objects, metadef_properties, metadef_tags
from imagestore.database.sizes import fitting
from imagestore.model.errors import Conflict, NotFound
from imagestore.model.metadef import Item, MetadefObject, MetadefProperty, MetadefTag, Page

T = TypeVar("T", bound=Item)


@dataclass(frozen=True)
class ItemKind(Generic[T]):
    """One of the three: its table, and how an item becomes a row and back."""

    word: str
    table: Table
    to_row: Callable[[T], dict[str, Any]]
    """The columns apart from key and times."""
    to_item: Callable[[Row[Any]], T]
    folds_case: bool = False
    """Whether names that differ only in case are the same, whatever the database thinks."""

    def list(self, conn: Connection, namespace_id: int) -> tuple[T, ...]:
        """All of a namespace, in the order of their names."""
        c = self.table.c
        statement = select(self.table).where(c.namespace_id == namespace_id).order_by(c.name)
        return tuple(self.to_item(row) for row in conn.execute(statement))

    def page(self, conn: Connection, namespace_id: int, page: Page) -> tuple[T, ...]:
        """Those on one page. :class:`NotFound` if the marker is none of them."""
        marker_id = None
        if page.marker is not None:
            marker_id = self._id(conn, namespace_id, page.marker)
            if marker_id is None:
                raise NotFound(f"There is no {self.word} {page.marker} in the namespace.")
        statement = select(self.table).where(self.table.c.namespace_id == namespace_id)
        rows = pages.page_of(conn, self.table, statement, page, marker_id)
        return tuple(self.to_item(row) for row in rows)

    def get(self, conn: Connection, namespace_id: int, name: str) -> T | None:
        row = conn.execute(select(self.table).where(*self._one(namespace_id, name))).one_or_none()
        return None if row is None else self.to_item(row)

    def add(
        self, conn: Connection, namespace_id: int, items: Sequence[T], moment: datetime
    ) -> None:
        """Write new ones. :class:`Conflict` if a name is taken, or there twice."""
        if not items:
            return
        if self.folds_case:
            self._require_free(conn, namespace_id, [item.name for item in items])
        rows = [
            {"namespace_id": namespace_id, "created_at": moment, "updated_at": moment}
            | self._row(item)
            for item in items
        ]
        try:
            conn.execute(insert(self.table), rows)
        except IntegrityError as error:
            raise self._taken(item.name for item in items) from error

    def change(
        self, conn: Connection, namespace_id: int, name: str, item: T, moment: datetime
    ) -> None:
        """Write the one called ``name`` anew. :class:`Conflict` if its new name is taken."""
        if self.folds_case and item.name.casefold() != name.casefold():
            self._require_free(conn, namespace_id, [item.name])
        statement = update(self.table).where(*self._one(namespace_id, name))
        try:
            conn.execute(statement, self._row(item) | {"updated_at": moment})
        except IntegrityError as error:
            raise self._taken([item.name]) from error

    def remove(self, conn: Connection, namespace_id: int, name: str) -> bool:
        """Delete one; whether it was there."""
        return conn.execute(delete(self.table).where(*self._one(namespace_id, name))).rowcount > 0

    def clear(self, conn: Connection, namespace_id: int) -> None:
        conn.execute(delete(self.table).where(self.table.c.namespace_id == namespace_id))

    def _row(self, item: T) -> dict[str, Any]:
        row = self.to_row(item)
        fitting(self.table, row, f"The definition '{item.name}'")
        return row

    def _one(self, namespace_id: int, name: str) -> tuple[Any, Any]:
        return self.table.c.namespace_id == namespace_id, self.table.c.name == name

    def _id(self, conn: Connection, namespace_id: int, name: str) -> int | None:
        statement = select(self.table.c.id).where(*self._one(namespace_id, name))
        return conn.execute(statement).scalar()

    def _require_free(self, conn: Connection, namespace_id: int, names: Sequence[str]) -> None:
        c = self.table.c
        statement = select(c.name).where(c.namespace_id == namespace_id)
        taken = {name.casefold() for name in conn.execute(statement).scalars()}
        for name in names:
            if name.casefold() in taken:
                raise self._taken([name])
            taken.add(name.casefold())

    def _taken(self, names: Iterable[str]) -> Conflict:
        return Conflict(f"The namespace has a {self.word} of this name: {', '.join(names)}.")


def _object_row(item: MetadefObject) -> dict[str, Any]:
    return {
        "name": item.name,
        "description": item.description,
        "required": ",".join(item.required or ()) or None,
        "json_schema": _to_json(item.properties or {}),
    }


def _to_object(row: Row[Any]) -> MetadefObject:
    return MetadefObject(
        name=row.name,
        description=row.description,
        required=tuple(row.required.split(",")) if row.required else (),
        # Of an object without properties glance-manage writes null.
        properties=orjson.loads(row.json_schema) or {},
        created_at=row.created_at,
        updated_at=row.updated_at or row.created_at,
    )


def _property_row(item: MetadefProperty) -> dict[str, Any]:
    return {"name": item.name, "json_schema": _to_json(item.definition)}


def _to_property(row: Row[Any]) -> MetadefProperty:
    definition = orjson.loads(row.json_schema)
    return MetadefProperty(row.name, definition, row.created_at, row.updated_at or row.created_at)


def _tag_row(item: MetadefTag) -> dict[str, Any]:
    return {"name": item.name}


def _to_tag(row: Row[Any]) -> MetadefTag:
    return MetadefTag(row.name, row.created_at, row.updated_at or row.created_at)


def _to_json(value: dict[str, Any]) -> str:
    # Escaped, so that no database is asked for a character that it does not have.
    return json.dumps(value)


OBJECTS = ItemKind[MetadefObject]("object", metadef_objects, _object_row, _to_object)
PROPERTIES = ItemKind[MetadefProperty]("property", metadef_properties, _property_row, _to_property)
TAGS = ItemKind[MetadefTag]("tag", metadef_tags, _tag_row, _to_tag, folds_case=True)
