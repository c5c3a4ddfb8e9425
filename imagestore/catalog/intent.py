"""Intent: what this process is about to do to bytes in stores, written down before it does it.

Every operation that writes bytes into a store, or removes them, runs in an ``async with`` of
:meth:`Intents.intend`. It holds the three things that none of them may forget:

- the journal row, which is in the database before the first byte is touched;
- the mark that this process is at it, set before the row can be seen, or recovery would take
  the row for left behind and remove bytes that are being written;
- the clean-up after a failure. Cancelling the operation does not cancel it. It is given a
  limited time; where it does not come to its end the row stays, for :mod:`recovery`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Store
from imagestore.database import images, jobs, journal, quotas
from imagestore.database.engine import Database
from imagestore.model.clock import now
from imagestore.model.errors import ImagestoreError
from imagestore.model.image import Image, ImageStatus
from imagestore.model.job import ACTIVE
from imagestore.stores.stores import Stores

log = logging.getLogger(__name__)

T = TypeVar("T")
Undo = Callable[[BaseException], Awaitable[object]]

CLEANING = 10.0
"""Seconds that a caller whose operation failed waits for the stores to be cleaned."""


class Intents:
    """The intents of this process. There is one such object for all operations."""

    def __init__(self, database: Database, stores: Stores, owner: str) -> None:
        """``owner``: the identity of this process in the journal."""
        self.database = database
        self.stores = stores
        self.owner = owner
        self.under_way: set[str] = set()
        """Ids of journal rows that this process is at; all others of its own are left behind."""

    @contextlib.asynccontextmanager
    async def intend(self) -> AsyncIterator[Intent]:
        """For the length of one operation."""
        intent = Intent(self)
        try:
            yield intent
        except BaseException as error:
            await intent.to_its_end(intent.undo(error))
            raise
        finally:
            intent.end()

    async def undo(
        self,
        entry: str,
        image_id: str,
        store: Store | None,
        error: BaseException | None = None,
        *,
        back: Callable[[Connection], object] = lambda conn: None,
    ) -> None:
        """Remove what was written of the image into ``store``, and close the row.

        ``error``: why it is undone; nothing is removed if it says that the store was never
        written to. ``back``: puts the image back, once, if it still has the status that the
        operation gave it. That is last, so that nobody writes where bytes are being removed: not
        even a Glance, which looks at the status and not at this journal. Of a store that fails the
        image does not wait.

        Does nothing if the operation was recorded after all; from the first transaction on it
        cannot be. Raises what store and database raise, and :class:`Busy` while another service
        writes the image; the row stays then, and this may be called again.
        """

        def begin(conn: Connection) -> tuple[Image | None, str | None] | None:
            if not journal.undo(conn, entry):
                return None
            image = in_any_status(conn, image_id)
            if journal.is_freed(conn, entry) and is_written_by_others(conn, image, entry):
                name = store.name if store is not None else ""
                raise store_errors.Busy("another service writes the image", store=name)
            # Of a deleted image too: the account of its owner has what is left.
            return image, images.owner_of(conn, image_id)

        def end(conn: Connection, removed: bool) -> None:
            if not journal.is_open(conn, entry):
                return  # another process was quicker, and has put the image back
            if not journal.is_freed(conn, entry):
                back(conn)
            (close if removed else journal.free)(conn, entry)

        found = await self.database.write(begin)
        if found is None:
            return
        image, owner = found
        removed = False
        try:
            if store and not left_nothing(error, store) and not self.is_in(store, image):
                await store.discard(image_id, owner=owner)
            removed = True
        finally:
            await self.database.write(end, removed)

    def leave_removal(self, conn: Connection, image_id: str, store: str) -> None:
        """Have recovery remove the hidden copies in ``store``: nobody is at this row."""
        journal.open_removal(conn, journal.new_entry(), image_id, store, self.owner, now())

    def is_in(self, store: Store, image: Image | None) -> bool:
        """Whether what the store has of the image is in use. The ``store`` that is recorded with
        a location may be an outdated name, so its URL counts as well."""
        return image is not None and any(
            self.stores.of(location) is store or store.owns(location.url)
            for location in image.locations
        )


class Intent:
    """One operation's rows in the journal: opened in transactions of the caller's."""

    def __init__(self, intents: Intents) -> None:
        self._intents = intents
        self._marked: set[str] = set()
        self._image_id = ""
        self._undoing: list[Undo] = []
        self._shielded: set[asyncio.Task[Any]] = set()
        self._ended = False

    def upload(self, conn: Connection, image_id: str, store: str) -> str:
        """Bytes of the image are about to go into ``store``; the id of the row."""
        return self._open(journal.open_upload, conn, image_id, store)

    def copy(self, conn: Connection, image_id: str, store: str) -> str:
        """One more copy of the image is about to go into ``store``."""
        return self._open(journal.open_copy, conn, image_id, store)

    def deletion(self, conn: Connection, image_id: str, status: ImageStatus) -> str:
        """All bytes of the image, which was in ``status``, are about to be removed."""
        return self._open(journal.open_deletion, conn, image_id, status)

    def removal(self, conn: Connection, image_id: str, store: str) -> str:
        """The copy of the image in ``store`` is about to be removed."""
        return self._open(journal.open_removal, conn, image_id, store)

    def _open(self, write: Callable[..., None], conn: Connection, image_id: str, what: Any) -> str:
        # A transaction that is tried again leaves an id behind that is in no row: no harm.
        entry = journal.new_entry()
        self._marked.add(entry)
        self._intents.under_way.add(entry)
        self._image_id = image_id
        write(conn, entry, image_id, what, self._intents.owner, now())
        return entry

    def if_failed(self, undo: Undo) -> None:
        """Await ``undo(error)`` if the operation fails from now on, or is cancelled.

        To be called when the rows are committed: of a claim that was refused there is nothing to
        undo. Several run side by side.
        """
        self._undoing.append(undo)

    async def to_its_end(self, doing: Coroutine[Any, Any, T]) -> T:
        """Await what goes on when the caller is cancelled; this process is at the rows until
        then."""
        task = asyncio.create_task(doing)
        self._shielded.add(task)
        task.add_done_callback(self._has_ended)
        return await asyncio.shield(task)

    async def attempt(self, undoing: Awaitable[object]) -> None:
        """Wait a limited time for the undoing of something; recovery does what is left of it."""
        try:
            async with asyncio.timeout(CLEANING):
                await undoing
        except (ImagestoreError, store_errors.StoreError, TimeoutError) as failure:
            log.error("image %s: undoing has to wait: %r", self._image_id, failure)

    async def undo(self, error: BaseException) -> None:
        """After a failure; called once, by :meth:`Intents.intend`."""
        await asyncio.gather(*(self.attempt(undo(error)) for undo in self._undoing))

    def end(self) -> None:
        """The process is not at the rows any more, but for what goes on behind a shield."""
        self._ended = True
        if not self._shielded:
            self._intents.under_way.difference_update(self._marked)

    def _has_ended(self, task: asyncio.Task[Any]) -> None:
        self._shielded.discard(task)
        if self._ended:
            self.end()


def left_nothing(error: BaseException | None, store: Store) -> bool:
    """Whether the store has certainly nothing of the operation: it was not asked, or is not free.

    What was there before is not for the operation to remove.
    """
    kinds = (store_errors.Exists, store_errors.Refused)
    causes = (error, error.__cause__ if error else None)
    return any(isinstance(each, kinds) and each.store == store.name for each in causes)


def complete(conn: Connection, entry: str) -> bool:
    """What the row stood for is done; whether nobody undoes it, or has."""
    quotas.release(conn, entry)
    return journal.complete(conn, entry)


def close(conn: Connection, entry: str) -> bool:
    """What the row stood for is undone; whether the row was there."""
    quotas.release(conn, entry)
    return journal.close(conn, entry)


def is_written_by_others(conn: Connection, image: Image | None, entry: str) -> bool:
    """Whether bytes of the image are on their way, and neither another row nor a job is why."""
    return (
        image is not None
        and image.status in (ImageStatus.SAVING, ImageStatus.IMPORTING)
        and not journal.has_others(conn, image.id, entry)
        and not jobs.select_jobs(conn, states=ACTIVE, image_id=image.id)
    )


def in_any_status(conn: Connection, image_id: str) -> Image | None:
    """The image, also while it is being deleted; None if it is gone."""
    row = images.get(conn, image_id, include_pending_delete=True)
    return row.image if row else None
