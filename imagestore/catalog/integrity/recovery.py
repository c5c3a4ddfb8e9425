"""Recovery: what a process left behind when it died is put right by another.

Every journal row stands for bytes on their way into a store or out of one. A row
whose process has ended is taken over by compare-and-swap, so that of several
nodes one does the work, and that work can itself be taken over.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial

from imagestore.backends.base import Store
from imagestore.backends.errors import StoreError, Unavailable
from imagestore.catalog.activation import put_back
from imagestore.catalog.deletions import Deletions
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports.staging import Staging
from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.operations import Operations
from imagestore.config.store_sections import STAGING
from imagestore.database import journal
from imagestore.database.journal import Entry, EntryKind
from imagestore.model.clock import now
from imagestore.model.errors import Unavailable as NotNow
from imagestore.model.image import ImageStatus
from imagestore.supervisor.process_identity import is_gone

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""Age after which a row of another machine counts as left behind."""
HEARTBEAT = timedelta(seconds=10)
"""How often a process renews its rows."""
_LOOK = 0.5


class Recovery(Operations):
    """Finds rows that were left behind and finishes what they stand for."""

    def __init__(
        self,
        deps: Dependencies,
        deletions_: Deletions,
        staging: Staging,
        hold: Hold,
    ) -> None:
        super().__init__(deps)
        self._deletions = deletions_
        self._staging = staging
        self._hold = hold
        self._turn = asyncio.Lock()
        """Two that put right the same row would undo what has begun after the first."""

    async def renew(self) -> None:
        """Tell the other nodes that this process is alive."""
        if self._intents.under_way:
            await self._database.write(journal.renew, self._deps.owner, now())

    async def run(self, image_id: str | None = None) -> int:
        """Put right everything that was left behind, or that of one image; how many rows that were.

        What a store hinders has to wait for the next time. A store that does not
        answer is asked once. One at a time in a process: of two that undo the same transfer
        the slower one could remove what was written since.
        """
        if image_id is not None and self._turn.locked():
            return 0  # it is being seen to
        async with self._turn:
            found = await self._database.read(journal.entries)
            return await self._run([entry for entry in found if image_id in (None, entry.image_id)])

    async def clear(self, image_id: str) -> None:
        """Wait until nothing is left of earlier attempts to write the image into a store.

        Raises :class:`imagestore.model.errors.Unavailable` if that takes longer than a lease.
        """
        end = asyncio.get_running_loop().time() + 2 * LEASE.total_seconds()
        while True:
            async with self._turn:
                found = await self._database.read(journal.entries)
                left = [entry for entry in found if entry.image_id == image_id]
                if not left or await self._run(left) == len(left):
                    return
            if await self._hold.is_on():
                raise NotNow(f"What an earlier attempt left of image {image_id} is kept for now.")
            if asyncio.get_running_loop().time() > end:
                raise NotNow(f"What an earlier attempt left of image {image_id} is not removed.")
            await asyncio.sleep(_LOOK)

    async def _run(self, entries: list[Entry]) -> int:
        if not entries or await self._hold.is_on():
            return 0
        done = 0
        away: set[str] = set()
        for entry in entries:
            if entry.store in away or not self._left_behind(entry) or not await self._take(entry):
                continue
            try:
                await self._put_right(entry)
            except StoreError as error:
                log.error("recovery of image %s has to wait: %s", entry.image_id, error)
                if isinstance(error, Unavailable):
                    away.add(entry.store)
            else:
                log.warning("recovered an interrupted %s of image %s", entry.kind, entry.image_id)
                done += 1
        return done

    def _left_behind(self, entry: Entry) -> bool:
        if entry.owner == self._deps.owner:
            return entry.id not in self._intents.under_way
        gone = is_gone(entry.owner)
        if gone is None:
            return entry.renewed_at < now() - LEASE
        return gone

    async def _take(self, entry: Entry) -> bool:
        return await self._database.write(
            journal.take, entry.id, entry.owner, self._deps.owner, now()
        )

    async def _put_right(self, entry: Entry) -> None:
        match entry.kind:
            case EntryKind.UPLOAD if entry.store.partition("@")[0] == STAGING:
                await self._staging.undo(entry.image_id, entry.id, entry.store)
            case EntryKind.UPLOAD:
                back = partial(put_back, image_id=entry.image_id, of=ImageStatus.SAVING)
                await self._intents.undo(entry.id, entry.image_id, self._store(entry), back=back)
            case EntryKind.COPY if entry.store.partition("@")[0] == STAGING:
                # An orphan that was being removed: the next search finds what is left of it.
                await self._database.write(journal.close, entry.id)
            case EntryKind.COPY:
                await self._intents.undo(entry.id, entry.image_id, self._store(entry))
            case EntryKind.REMOVAL:
                await self._deletions.finish_removal(entry)
            case EntryKind.DELETION:
                await self._deletions.finish_deletion(entry)

    def _store(self, entry: Entry) -> Store | None:
        if entry.store in self._stores:
            return self._stores.get(entry.store)
        log.error("image %s: store %s is gone", entry.image_id, entry.store)
        return None
