"""Replacement: a damaged copy of an image is made anew from a good one.

The driver names an object by its image, so there cannot be two in one store. The
damaged copy, which nobody reads any more, is therefore taken away first, with a journal row;
then the good bytes are written, compared while they are, or copied by the service of both stores
and compared then; and the location is recorded when they are durable. A crash in between leaves
an image without that copy and a damage in the state ``repairing``, from which the next attempt
goes on.
"""

from __future__ import annotations

import logging
from contextlib import aclosing
from functools import partial

from sqlalchemy import Connection

from imagestore.backends.base import Capability, Store, Stored
from imagestore.backends.errors import Busy, NotFound
from imagestore.catalog.copies.server_side import ServerSide
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.damage import mark_property
from imagestore.catalog.intent import Intent, in_any_status
from imagestore.catalog.operations import Operations
from imagestore.database import damages, events, images, journal, locations
from imagestore.database.damages import Damage, DamageState
from imagestore.model.clock import now
from imagestore.model.digest import Expected, comparable
from imagestore.model.errors import Corrupt
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.transfer.local_files import LocalFiles
from imagestore.transfer.reading import Copy, Reading
from imagestore.transfer.verification import Pace, Verified, find_fault

log = logging.getLogger(__name__)


class BadSource(Exception):
    """The copy that was to be good is damaged too."""

    def __init__(self, location: Location, store: str, reason: str) -> None:
        super().__init__(reason)
        self.location = location
        self.store = store
        self.reason = reason


class Replacement(Operations):
    """The one seam behind which a bad copy becomes a good one."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._server_side = ServerSide(deps.stores, wanted=deps.settings.replication.server_side)
        self._files = LocalFiles({})

    async def replace(
        self, damage: Damage, pace: Pace, whole: frozenset[int] = frozenset()
    ) -> bool:
        """Make the copy anew; whether it is whole now. False: nothing good to make it from, or
        nowhere to write it.

        ``whole``: ids of locations that were just read and compared. Another one is, before
        the damaged copy goes, which is better than nothing.

        Raises :class:`BadSource`, and what a store raises that is away.
        """
        image = await self._database.read(in_any_status, damage.image_id)
        if image is None or image.status not in (ImageStatus.ACTIVE, ImageStatus.DEACTIVATED):
            return False
        wanted = comparable(image)
        target = self._stores.get(damage.store) if damage.store in self._stores else None
        if target is None or wanted is None or not _can_be_written(target):
            return False
        for source, good in self._stores.readable(image.locations):
            if source is not target and Capability.EXTERNAL not in source.capabilities:
                if good.id not in whole:
                    fault = await find_fault(source, good.url, wanted, pace)
                    if fault is not None:
                        raise BadSource(good, source.name, fault)
                return await self._replace(image, damage, target, source, good, wanted, pace)
        return False

    async def _replace(
        self,
        image: Image,
        damage: Damage,
        target: Store,
        source: Store,
        good: Location,
        wanted: Expected,
        pace: Pace,
    ) -> bool:
        try:
            async with self._intents.intend() as intent:
                claimed = await self._database.write(_claim, intent, damage, target.name)
                if claimed is None:
                    return False
                entry, bad = claimed
                intent.if_failed(partial(self._give_up, image.id, damage, entry, target))
                stored = await self._copy(image, bad, target, source, good, wanted, pace)
                if await self._database.write(self._record, image.id, damage, stored, entry):
                    return True
                # Nobody else knows of the new object.
                await self._intents.undo(entry, image.id, target)
        except Corrupt as error:
            raise BadSource(good, source.name, "bytes that change") from error
        except Busy:
            log.info("image %s: the damaged copy in %s is in use", image.id, target.name)
        return False

    async def _copy(
        self,
        image: Image,
        bad: list[Location],
        target: Store,
        source: Store,
        good: Location,
        wanted: Expected,
        pace: Pace,
    ) -> Stored:
        for location in bad:
            try:
                await target.delete(location.url)
            except NotFound:
                log.info("image %s: the damaged copy in %s is gone", image.id, target.name)

        def verified(copy: Copy) -> Verified:
            assert wanted.size is not None
            reading = Reading(
                [copy],
                wanted.size,
                0,
                wanted.size,
                files=self._files,
                judge=self._stores.judge,
            )
            return Verified(reading.blocks(), wanted, pace=pace)

        copied = await self._server_side.copy(target, image, [(source, good)], verified)
        if copied is not None:
            return copied[0]
        async with aclosing(verified(Copy(source, good.url)).blocks()) as blocks:
            return await target.add(image.id, blocks, wanted.size, owner=image.owner)

    async def _give_up(
        self, image_id: str, damage: Damage, entry: str, target: Store, error: BaseException
    ) -> None:
        """As it was before, if the store has certainly kept the damaged copy."""
        if isinstance(error, Busy):
            await self._database.write(_undo, damage, entry)
        else:
            # What is left in the store is removed; the intent stays with the damage.
            await self._intents.undo(entry, image_id, target)

    def _record(
        self, conn: Connection, image_id: str, damage: Damage, stored: Stored, entry: str
    ) -> bool:
        """The new copy is durable and compared: it takes the place of the other.

        False if the image was deleted meanwhile; the journal row stays then.
        """
        if images.get(conn, image_id, locked=True) is None:
            return False
        locations.finish(conn, damage.location_id)
        self._activations.add(conn, image_id, damage.store, stored, entry)
        damages.set_state(conn, damage.location_id, DamageState.REPAIRED, now())
        mark_property(conn, image_id)
        events.record(conn, "image.repaired", image_id=image_id, store=damage.store)
        return True


def _can_be_written(store: Store) -> bool:
    return (
        Capability.WRITABLE in store.capabilities and Capability.EXTERNAL not in store.capabilities
    )


def _claim(
    conn: Connection, intent: Intent, damage: Damage, store: str
) -> tuple[str, list[Location]] | None:
    """Take the damaged copy out of the image and open a journal row; None if that is not so."""
    row = images.get(conn, damage.image_id, locked=True)
    if row is None or journal.has_any(conn, damage.image_id):
        return None
    if not any(each.status == "active" for each in row.image.locations):
        return None
    bad = [each for each in row.image.locations if each.id == damage.location_id]
    if bad and bad[0].status != locations.DAMAGED:
        return None
    if bad:
        locations.hide(conn, damage.location_id)
    elif damage.state is not DamageState.REPAIRING:
        return None
    damages.set_state(conn, damage.location_id, DamageState.REPAIRING, now())
    return intent.upload(conn, damage.image_id, store), bad


def _undo(conn: Connection, damage: Damage, entry: str) -> None:
    locations.unhide(conn, damage.location_id)
    locations.set_status(conn, damage.location_id, locations.DAMAGED)
    damages.set_state(
        conn, damage.location_id, DamageState.DAMAGED, now(), "in use, cannot be replaced"
    )
    journal.close(conn, entry)
