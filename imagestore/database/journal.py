"""The journal: which bytes are on their way into a store, or out of one, and by whom.

A row is written in the transaction that claims the image and removed in the one
that records the result. A row whose process has ended stands for what it left behind.
"""

from __future__ import annotations

import builtins
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from imagestore.database.schema import journal
from imagestore.model.image import ImageStatus


class EntryKind(StrEnum):
    UPLOAD = "upload"
    DELETION = "deletion"
    REMOVAL = "removal"
    """Of one copy of an image, the others stay."""
    COPY = "copy"
    """Of an image that has its bytes elsewhere too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the journal. Times in UTC without zone.

    ``store``: for an upload, a copy or a removal, the store that it is about. ``image_status``: for
    a deletion, the state that the image was in before; for what is undone, ``saving`` as long as
    the image is held for that, then ``queued``. ``owner``: the identity of the process;
    ``renewed_at``: when it last said that it is alive.
    """

    id: str
    kind: EntryKind
    image_id: str
    store: str
    image_status: ImageStatus | None
    owner: str
    started_at: datetime
    renewed_at: datetime


_HOLD = "hold"
"""Id and kind of the row that is there while nothing is to be removed."""
_LIST = (
    select(*journal.c[*Entry.__slots__])
    .where(journal.c.kind != _HOLD)
    .order_by(journal.c.started_at, journal.c.id)
)
_LIST_BY_OWNER = _LIST.where(journal.c.owner == bindparam("of_owner"))
_INSERT = insert(journal)
_IS_OPEN = select(journal.c.id).where(journal.c.id == bindparam("of_id"))
_IN_STORE = select(journal.c.id).where(
    journal.c.image_id == bindparam("of_image"), journal.c.store == bindparam("of_store")
)
_DELETIONS = select(journal.c.id).where(
    journal.c.image_id == bindparam("of_image"), journal.c.kind == EntryKind.DELETION.value
)
_OF_IMAGE = select(journal.c.id).where(journal.c.image_id == bindparam("of_image"))
_OTHERS = _OF_IMAGE.where(journal.c.id != bindparam("of_id"))
_IS_FREED = _IS_OPEN.where(journal.c.image_status == ImageStatus.QUEUED.value)
_ROW = update(journal).where(journal.c.id == bindparam("of_id"))
_HELD = _ROW.where(journal.c.image_status.is_(None)).values(image_status=ImageStatus.SAVING.value)
_FREED = _ROW.values(image_status=ImageStatus.QUEUED.value)
_CLOSE = delete(journal).where(journal.c.id == bindparam("of_id"))
_COMPLETE = _CLOSE.where(journal.c.image_status.is_(None))
_RENEW = (
    update(journal)
    .where(journal.c.owner == bindparam("of_owner"))
    .values(renewed_at=bindparam("moment"))
)
_TAKE = (
    update(journal)
    .where(journal.c.id == bindparam("of_id"), journal.c.owner == bindparam("of_owner"))
    .values(owner=bindparam("new_owner"), renewed_at=bindparam("moment"))
)


def new_entry() -> str:
    """An id for a row that is to be opened."""
    return str(uuid.uuid4())


def _open(
    kind: EntryKind,
    conn: Connection,
    entry: str,
    image_id: str,
    about: str,
    owner: str,
    moment: datetime,
) -> None:
    row: dict[str, Any] = {"id": entry, "kind": kind.value, "image_id": image_id, "owner": owner}
    row |= dict.fromkeys(["started_at", "renewed_at"], moment)
    if kind is EntryKind.DELETION:
        row |= {"store": None, "image_status": str(about)}
    else:
        row |= {"store": about, "image_status": None}
    conn.execute(_INSERT, row)


open_upload = partial(_open, EntryKind.UPLOAD)
"""Bytes of the image are about to go into the store that the row is ``about``."""

open_copy = partial(_open, EntryKind.COPY)
"""One more copy of the image is about to go into the store."""

open_deletion = partial(_open, EntryKind.DELETION)
"""All bytes of the image are about to be removed; ``about``: the status that it was in."""

open_removal = partial(_open, EntryKind.REMOVAL)
"""The copy of the image in the store is about to be removed."""


def is_open(conn: Connection, entry: str) -> bool:
    """Whether the row is there: what it stands for is neither done nor undone."""
    return conn.execute(_IS_OPEN, {"of_id": entry}).first() is not None


def is_busy(conn: Connection, image_id: str, store: str) -> bool:
    """Whether bytes of the image are on their way into ``store``, or out of it."""
    parameters = {"of_image": image_id, "of_store": store}
    return conn.execute(_IN_STORE, parameters).first() is not None


def has_deletion(conn: Connection, image_id: str) -> bool:
    """Whether all bytes of the image are being removed."""
    return conn.execute(_DELETIONS, {"of_image": image_id}).first() is not None


def has_any(conn: Connection, image_id: str) -> bool:
    """Whether bytes of the image are on their way into any store or out of it."""
    return conn.execute(_OF_IMAGE, {"of_image": image_id}).first() is not None


def has_others(conn: Connection, image_id: str, entry: str) -> bool:
    """Whether the image has another row than this one."""
    return conn.execute(_OTHERS, {"of_image": image_id, "of_id": entry}).first() is not None


def undo(conn: Connection, entry: str) -> bool:
    """What the row stands for can not be recorded any more; whether the row is there."""
    conn.execute(_HELD, {"of_id": entry})
    return is_open(conn, entry)


def free(conn: Connection, entry: str) -> None:
    """The image waits no longer for the bytes that are still to be removed."""
    conn.execute(_FREED, {"of_id": entry})


def is_freed(conn: Connection, entry: str) -> bool:
    """Whether somebody else may give the image its bytes by now."""
    return conn.execute(_IS_FREED, {"of_id": entry}).first() is not None


def complete(conn: Connection, entry: str) -> bool:
    """What the row stood for is done; whether nobody undoes it."""
    return conn.execute(_COMPLETE, {"of_id": entry}).rowcount > 0


def close(conn: Connection, entry: str) -> bool:
    """What the row stood for is done or undone; whether the row was there."""
    return conn.execute(_CLOSE, {"of_id": entry}).rowcount > 0


def renew(conn: Connection, owner: str, moment: datetime) -> int:
    """The process is alive: renew all its rows; how many those are."""
    return conn.execute(_RENEW, {"of_owner": owner, "moment": moment}).rowcount


def take(conn: Connection, entry: str, owner: str, new_owner: str, moment: datetime) -> bool:
    """Make a row of ``owner`` one of ``new_owner``; whether it still was the former's."""
    parameters = {"of_id": entry, "of_owner": owner, "new_owner": new_owner, "moment": moment}
    return conn.execute(_TAKE, parameters).rowcount == 1


def entries(conn: Connection, owner: str | None = None) -> builtins.list[Entry]:
    """All rows, or those of one process, the oldest first."""
    if owner is None:
        rows = conn.execute(_LIST)
    else:
        rows = conn.execute(_LIST_BY_OWNER, {"of_owner": owner})
    return [_to_entry(row) for row in rows]


def hold(conn: Connection, moment: datetime) -> None:
    """Have what removes by itself wait, from this transaction on."""
    if not is_held(conn):
        row = {"id": _HOLD, "kind": _HOLD, "image_id": "", "owner": "operator"}
        conn.execute(_INSERT, {**row, "started_at": moment, "renewed_at": moment})


def is_held(conn: Connection) -> bool:
    """Whether that waits."""
    return is_open(conn, _HOLD)


def release(conn: Connection) -> bool:
    """Let it go on; whether it was waiting."""
    return close(conn, _HOLD)


def _to_entry(row: Any) -> Entry:
    id_, kind, image_id, store, status, *rest = row
    before = ImageStatus(status) if status else None
    return Entry(id_, EntryKind(kind), image_id, store or "", before, *rest)
