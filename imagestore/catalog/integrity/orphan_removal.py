"""An orphan is removed: as a copy that was not recorded, with a row of the journal.

While the row is there nobody writes the image into that store; and a process that dies
in the middle leaves what :mod:`recovery` does to its end.
"""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection

from imagestore.backends.errors import StoreError, Unavailable
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.orphan_search import SearchedPlace, is_needed
from imagestore.catalog.uploads import Uploads
from imagestore.database import belongings, images, journal, orphans
from imagestore.database.orphans import Orphan
from imagestore.model.clock import now
from imagestore.model.errors import Conflict

log = logging.getLogger(__name__)


class OrphanRemoval:
    """The one way in which an orphan goes."""

    def __init__(self, deps: Dependencies, uploads: Uploads) -> None:
        self._deps = deps
        self._database = deps.database
        self._under_way = uploads.under_way

    async def remove(self, one: Orphan, place: SearchedPlace) -> None:
        """Remove everything of that image from the store, if it still belongs to nothing.

        :class:`Conflict` if it is needed by now. Raises what the store raises.
        """
        entry = journal.new_entry()
        # Known before the row exists, or recovery could take it for left behind.
        self._under_way.add(entry)
        try:
            await self._database.write(self._claim, one, place, entry)
            try:
                # An image that was made in the moment of the claim is seen by now.
                await self._database.read(self._require_unneeded, one, place)
                await place.store.discard(one.image_id, owner=one.project or None)
            except (StoreError, Conflict) as error:
                # What may have begun, here or when this is cancelled, recovery goes on with.
                if not isinstance(error, Unavailable):
                    await asyncio.shield(self._database.write(journal.close, entry))
                raise
            await asyncio.shield(self._database.write(_finish, one, entry))
        finally:
            self._under_way.discard(entry)
        log.warning("removed an orphan of image %s from %s", one.image_id, one.store)

    def _claim(self, conn: Connection, one: Orphan, place: SearchedPlace, entry: str) -> None:
        if not orphans.lock(conn, one):
            raise Conflict("It is removed already.")
        images.lock(conn, one.image_id)
        self._require_unneeded(conn, one, place, claiming=True)
        journal.open_copy(conn, entry, one.image_id, place.name, self._deps.owner, now())

    def _require_unneeded(
        self, conn: Connection, one: Orphan, place: SearchedPlace, *, claiming: bool = False
    ) -> None:
        belonging = belongings.of_images(conn, (one.image_id,))[one.image_id.lower()]
        if not claiming:
            belonging.busy = False  # by the row of this removal
        named = belongings.is_named(conn, one.image_id)
        if is_needed(place, self._deps.stores, belonging, named):
            raise Conflict("It is needed by now.")


def _finish(conn: Connection, one: Orphan, entry: str) -> None:
    journal.close(conn, entry)
    orphans.remove(conn, one)
