"""Orphans as rows: what a search found in a store that belongs to no image, and how often.

The facts that decide it are gathered in :mod:`imagestore.database.belongings`.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from imagestore.database.schema import orphan_searches, orphans


@dataclass(frozen=True, slots=True)
class Orphan:
    """Everything of one image in one store. Times in UTC without zone: the beginnings of the first
    and the last search that saw it.

    ``project``: in whose account, for a store that keeps projects apart, else empty. ``origin``:
    the status of the image, ``deleted``, or ``unknown``. ``ours``: the image had a location in
    this store once; else it may be another service's, whatever became of an image of that id
    here. ``whole``: an object that can be read is among the ``pieces``. ``bytes``: of what tells
    its size.
    """

    store: str
    image_id: str
    project: str
    origin: str
    ours: bool
    whole: bool
    pieces: int
    bytes: int
    first_seen: datetime
    last_seen: datetime

    def is_ripe(self, grace: timedelta) -> bool:
        """Whether it was seen by two searches, so far apart that it was not on its way."""
        return self.last_seen > self.first_seen and self.last_seen - self.first_seen >= grace


@dataclass(frozen=True, slots=True)
class Search:
    """The last search of a store that came to its end.

    ``objects``: whole ones that lie there; ``unknown``: those among the orphans that no image
    ever had, as far as the database knows.
    """

    store: str
    started_at: datetime
    finished_at: datetime
    objects: int
    unknown: int

    @property
    def share(self) -> float:
        """Of what lies there, how much is unknown: 0 to 1."""
        return self.unknown / self.objects if self.objects else 0.0


_KEY = and_(
    orphans.c.store == bindparam("of_store"),
    orphans.c.image_id == bindparam("of_image"),
    orphans.c.project == bindparam("of_project"),
)
_GET = select(*orphans.c[*Orphan.__slots__]).where(_KEY)
_SEARCHES = select(*orphan_searches.c[*Search.__slots__]).order_by(orphan_searches.c.store)


def record(conn: Connection, found: Iterable[Orphan]) -> None:
    """A search saw them, some perhaps on an earlier page already, or in an earlier search."""
    for one in found:
        known = get(conn, one)
        if known is None:
            conn.execute(insert(orphans), {name: getattr(one, name) for name in Orphan.__slots__})
            continue
        same = known.last_seen == one.last_seen
        conn.execute(
            update(orphans)
            .where(_KEY)
            .values(
                origin=one.origin,
                ours=one.ours,
                whole=one.whole or (same and known.whole),
                pieces=one.pieces + (known.pieces if same else 0),
                bytes=one.bytes + (known.bytes if same else 0),
                last_seen=one.last_seen,
            ),
            _key(one),
        )


def get(conn: Connection, one: Orphan) -> Orphan | None:
    """The row as it is now."""
    row = conn.execute(_GET, _key(one)).one_or_none()
    return None if row is None else Orphan(*row)


def lock(conn: Connection, one: Orphan) -> bool:
    """Of those who would remove it one goes on until this transaction ends; whether it is there.

    SQLite has one writer anyway.
    """
    statement = _GET if conn.dialect.name == "sqlite" else _GET.with_for_update()
    return conn.execute(statement, _key(one)).one_or_none() is not None


def finish(conn: Connection, search: Search) -> None:
    """The search has seen all of the store: what it did not see is no orphan any more."""
    unseen = (orphans.c.store == search.store, orphans.c.last_seen < search.started_at)
    conn.execute(delete(orphans).where(*unseen))
    of_store = orphan_searches.c.store == search.store
    values = {name: getattr(search, name) for name in Search.__slots__}
    if conn.execute(update(orphan_searches).where(of_store).values(**values)).rowcount == 0:
        conn.execute(insert(orphan_searches).values(**values))


def searches(conn: Connection) -> Mapping[str, Search]:
    """By store."""
    return {row[0]: Search(*row) for row in conn.execute(_SEARCHES)}


def select_after(
    conn: Connection, after: Orphan | None, limit: int, *, store: str | None = None
) -> builtins.list[Orphan]:
    """The next ones in order of store, image and project."""
    key = (orphans.c.store, orphans.c.image_id, orphans.c.project)
    statement = select(*orphans.c[*Orphan.__slots__]).order_by(*key).limit(limit)
    if store is not None:
        statement = statement.where(orphans.c.store == store)
    if after is not None:
        same_store = orphans.c.store == after.store
        same_image = and_(same_store, orphans.c.image_id == after.image_id)
        statement = statement.where(
            (orphans.c.store > after.store)
            | and_(same_store, orphans.c.image_id > after.image_id)
            | and_(same_image, orphans.c.project > after.project)
        )
    return [Orphan(*row) for row in conn.execute(statement)]


def sums(conn: Connection) -> Mapping[str, tuple[int, int]]:
    """By store: how many were seen more than once, and their bytes."""
    statement = (
        select(orphans.c.store, func.count(), func.sum(orphans.c.bytes))
        .where(orphans.c.last_seen > orphans.c.first_seen)
        .group_by(orphans.c.store)
    )
    return {store: (count, int(size or 0)) for store, count, size in conn.execute(statement)}


def remove(conn: Connection, one: Orphan) -> None:
    """It is removed, or no orphan after all."""
    conn.execute(delete(orphans).where(_KEY), _key(one))


def _key(one: Orphan) -> dict[str, Any]:
    return {"of_store": one.store, "of_image": one.image_id, "of_project": one.project}
