"""Recovery: what a process left behind when it died is put right by another.

Every journal row stands for bytes on their way into a store or out of one. A row
whose process has ended is taken over by compare-and-swap, so that of several
nodes one does the work, and that work can itself be taken over.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import Connection

from imagestore.backends.errors import StoreError
from imagestore.catalog import deletions, uploads
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.parts import Parts, now
from imagestore.catalog.uploads import Uploads
from imagestore.database import images, journal
from imagestore.database.journal import Entry, Kind
from imagestore.image import Image, ImageStatus
from imagestore.process import is_gone

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""Age after which a row of another machine counts as left behind."""
HEARTBEAT = timedelta(seconds=10)
"""How often a process renews its rows."""


class Recovery:
    """Finds rows that were left behind and finishes what they stand for."""

    def __init__(self, parts: Parts, uploads_: Uploads, deletions_: Deletions) -> None:
        self._parts = parts
        self._database = parts.database
        self._uploads = uploads_
        self._deletions = deletions_

    async def renew(self) -> None:
        """Tell the other nodes that this process is alive."""
        if self._under_way():
            await self._database.write(journal.renew, self._parts.owner, now())

    async def run(self) -> int:
        """Put right everything that was left behind; how many rows that were."""
        done = 0
        for entry in await self._database.read(journal.entries):
            if self._left_behind(entry) and await self._take(entry):
                done += await self._put_right(entry)
        return done

    def _under_way(self) -> set[str]:
        return self._uploads.under_way | self._deletions.under_way

    def _left_behind(self, entry: Entry) -> bool:
        if entry.owner == self._parts.owner:
            return entry.id not in self._under_way()
        gone = is_gone(entry.owner)
        if gone is None:
            return entry.renewed_at < now() - LEASE
        return gone

    async def _take(self, entry: Entry) -> bool:
        return await self._database.write(
            journal.take, entry.id, entry.owner, self._parts.owner, now()
        )

    async def _put_right(self, entry: Entry) -> bool:
        try:
            if entry.kind is Kind.UPLOAD:
                await self._undo_upload(entry)
            else:
                await self._finish_deletion(entry)
        except StoreError as error:
            log.error("recovery of image %s has to wait: %s", entry.image_id, error)
            return False
        log.warning("recovered an interrupted %s of image %s", entry.kind, entry.image_id)
        return True

    async def _undo_upload(self, entry: Entry) -> None:
        image = await self._database.read(_any_status, entry.image_id)
        if image is None or not image.locations:
            if entry.store in self._parts.stores:
                store = self._parts.stores.get(entry.store)
                await store.discard(entry.image_id, owner=image.owner if image else None)
            else:
                log.error("image %s: store %s is gone", entry.image_id, entry.store)
        await self._database.write(uploads.release, entry.image_id, entry.id)

    async def _finish_deletion(self, entry: Entry) -> None:
        image = await self._database.read(_any_status, entry.image_id)
        if image is not None and image.status is ImageStatus.PENDING_DELETE:
            await self._deletions.remove_data(image)
        await self._database.write(deletions.finish, entry.image_id, entry.id)


def _any_status(conn: Connection, image_id: str) -> Image | None:
    row = images.get(conn, image_id, include_pending_delete=True)
    return row.image if row else None
