"""An orphan is removed: as a copy that was not recorded, with a row of the journal.

While the row is there nobody writes the image into that store; and a process that dies
in the middle leaves what :mod:`recovery` does to its end.
"""

from __future__ import annotations

import logging
from functools import partial

from sqlalchemy import Connection

from imagestore.backends.errors import StoreError, Unavailable
from imagestore.catalog.integrity.named_by_others import NamedByOthers
from imagestore.catalog.integrity.orphan_search import SearchedPlace, is_needed
from imagestore.catalog.intent import Intent
from imagestore.catalog.operations import Operations
from imagestore.database import belongings, images, journal, orphans
from imagestore.database.orphans import Orphan
from imagestore.model.errors import Conflict

log = logging.getLogger(__name__)


class OrphanRemoval(Operations):
    """The one way in which an orphan goes."""

    async def remove(self, one: Orphan, place: SearchedPlace, others: NamedByOthers) -> None:
        """Remove everything of that image from the store, if it still belongs to nothing.

        ``others``: the same for all that are removed one after the other. :class:`Conflict` if
        it is needed by now. Raises what the store raises.
        """
        async with self._intents.intend() as intent:
            await others.look()
            entry = await self._database.write(self._claim, intent, one, place, others)
            intent.if_failed(partial(self._let_be, entry))
            # An image that was made in the moment of the claim is seen by now.
            await others.look()
            await self._database.read(self._require_unneeded, one, place, others)
            await place.store.discard(one.image_id, owner=one.project or None)
            await intent.to_its_end(self._database.write(_finish, one, entry))
        log.warning("removed an orphan of image %s from %s", one.image_id, one.store)

    async def _let_be(self, entry: str, error: BaseException) -> None:
        """What may have begun, here or when this is cancelled, recovery goes on with."""
        if isinstance(error, (StoreError, Conflict)) and not isinstance(error, Unavailable):
            await self._database.write(journal.close, entry)

    def _claim(
        self,
        conn: Connection,
        intent: Intent,
        one: Orphan,
        place: SearchedPlace,
        others: NamedByOthers,
    ) -> str:
        if not orphans.lock(conn, one):
            raise Conflict("It is removed already.")
        images.lock(conn, one.image_id)
        self._require_unneeded(conn, one, place, others, claiming=True)
        return intent.copy(conn, one.image_id, place.name)

    def _require_unneeded(
        self,
        conn: Connection,
        one: Orphan,
        place: SearchedPlace,
        others: NamedByOthers,
        *,
        claiming: bool = False,
    ) -> None:
        belonging = belongings.of_images(conn, (one.image_id,))[one.image_id.lower()]
        if not claiming:
            belonging.busy = False  # by the row of this removal
        named = one.image_id in others or belongings.is_named_by_job(conn, one.image_id)
        if is_needed(place, self._stores, belonging, named):
            raise Conflict("It is needed by now.")


def _finish(conn: Connection, one: Orphan, entry: str) -> None:
    journal.close(conn, entry)
    orphans.remove(conn, one)
