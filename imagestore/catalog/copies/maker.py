"""Copies: an active image gets its bytes into one more store.

The order is the law, as for uploads: a journal row first; then bytes go into the store, whose
digests are compared before the store makes them readable, or, where the store copies by itself
(:mod:`server_side`), before anybody is told of them; then the location is recorded, in a
transaction that locks the image, sees that it is still there, and closes the journal row.
Whatever breaks in between leaves nothing in the store, or the journal row for :mod:`recovery`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Capability, Store, Stored
from imagestore.catalog.access import not_found
from imagestore.catalog.activation import Activation, Write
from imagestore.catalog.copies.server_side import ServerSide
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.intent import Intent, left_nothing
from imagestore.catalog.locations.correction import StoreCorrections
from imagestore.catalog.operations import Operations
from imagestore.database import images, journal, locations, replicas
from imagestore.model.digest import CHECKSUM, Digest, Expected, is_computable, recorded
from imagestore.model.errors import Conflict, Corrupt, Gone, NotFound, Unavailable
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.transfer.digests import algorithms
from imagestore.transfer.inspection import Inspection
from imagestore.transfer.judgement import Judgement, judged
from imagestore.transfer.local_files import LocalFiles
from imagestore.transfer.reading import Copy, Reading
from imagestore.transfer.verification import Pace, Verified

log = logging.getLogger(__name__)

Digests = Mapping[str, Digest]
"""By algorithm."""


class InTheWay(Unavailable):
    """Another transfer of the image has to do with that store, or left something there."""


@dataclass(slots=True)
class _Claim:
    """An image of which this copy alone may bring bytes into the store."""

    image: Image
    entry: str
    mine: bool = True
    """Whether what is in the store may be this copy's, and is to be removed if it fails."""


class CopyMaker(Operations):
    """The operation that gives an image one more copy. No caller is asked for a right here."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._corrections = StoreCorrections(deps)
        self._server_side = ServerSide(deps.stores, wanted=deps.settings.replication.server_side)
        self._pace = Pace(deps.settings.replication.bandwidth)
        self._files = LocalFiles({})

    async def copy(
        self,
        image_id: str,
        store_name: str,
        *,
        write: Write | None = None,
        by_rule: Callable[[Connection], bool] = lambda conn: False,
        wanted: Callable[[Image], bool] = lambda image: True,
        on_progress: Callable[[int, int], object] = lambda done, total: None,
    ) -> bool:
        """Copy the image from its best copy; whether that was still to be done.

        ``by_rule``, asked in the transaction that records the copy: whether it is for a rule,
        and may be removed for one. ``wanted``, asked before anything is done.
        """
        write = write or self._database.write
        target = self._target(store_name)
        async with self._intents.intend() as intent:
            claim = await write(self._claim, intent, image_id, target, by_rule, wanted)
            if claim is None:
                return False
            intent.if_failed(partial(self._undo, intent, target, claim))
            self._notify.preparing(claim.image, target.name)
            stored, digests = await self._transfer(target, claim, on_progress)
            await self._activations.within(
                write, self._record, claim, target, stored, digests, by_rule
            )
        return True

    async def fill_digests(
        self,
        image_id: str,
        *,
        write: Write | None = None,
        on_progress: Callable[[int, int], object] = lambda done, total: None,
    ) -> bool:
        """Read an image that has no digests, and record them; whether that was to be done."""
        row = await self._database.select(images.get, image_id)
        if row is None or not self.lacks_digests(row.image):
            return False
        image = row.image
        assert image.size is not None
        size = image.size
        verified = await self._sources(image, lambda done: on_progress(done, size))
        found = await self._first(verified, Verified.drain)
        await (write or self._database.write)(self._record_digests, image, found[1].digests)
        return True

    def lacks_digests(self, image: Image) -> bool:
        """Whether there are bytes, and a digest that is to be recorded of them and is not."""
        has_bytes = image.size is not None and bool(image.locations)
        return image.status is ImageStatus.ACTIVE and has_bytes and bool(self._missing(image))

    # Before.

    def _target(self, name: str) -> Store:
        if name not in self._stores:
            raise NotFound(f"There is no store '{name}'.")
        store = self._stores.get(name)
        if Capability.WRITABLE not in store.capabilities:
            raise Conflict(f"Store '{name}' is read-only.")
        return store

    def _claim(
        self,
        conn: Connection,
        intent: Intent,
        image_id: str,
        target: Store,
        by_rule: Callable[[Connection], bool],
        wanted: Callable[[Image], bool],
    ) -> _Claim | None:
        # Copies into one store, and removals, take turns.
        row = images.get(conn, image_id, locked=True)
        if row is None:
            raise not_found(image_id)
        image = row.image
        if image.status is not ImageStatus.ACTIVE:
            raise Conflict(f"Image {image_id} is {image.status}; only active images are copied.")
        if image.size is None or not image.locations:
            raise Conflict(f"Image {image_id} has no data that could be copied.")
        if (there := self._location_in(target, image)) is not None:
            if there.id is not None and not by_rule(conn):
                replicas.remove(conn, there.id)
            return None
        if not wanted(image):
            return None
        if journal.is_busy(conn, image_id, target.name) or any(
            self._stores.of(hidden) is target for hidden in locations.select_hidden(conn, image_id)
        ):
            raise InTheWay(f"Image {image_id} is not yet out of, or on its way into, this store.")
        return _Claim(image, intent.copy(conn, image_id, target.name))

    def _location_in(self, store: Store, image: Image) -> Location | None:
        found = map(self._corrections.right, image.locations)
        return next((each for each in found if self._stores.of(each) is store), None)

    # The bytes.

    async def _transfer(
        self, target: Store, claim: _Claim, on_progress: Callable[[int, int], object]
    ) -> tuple[Stored, Digests]:
        image = claim.image
        assert image.size is not None
        size = image.size
        on_progress(0, size)

        def told(done: int) -> None:
            on_progress(done, size)

        sources = await self._sources(image, told)

        async def store(verified: Verified) -> Stored:
            async with contextlib.aclosing(verified.blocks()) as blocks:
                return await target.add(image.id, blocks, size, owner=image.owner)

        try:
            copied = await self._server_side.copy(
                target,
                image,
                self._stores.readable(self._corrections.corrected(image.locations)),
                lambda made: self._verified(image, [made], told),
            )
            if copied is not None:
                return copied
            stored, verified = await self._first(sources, store)
            return stored, verified.digests
        except store_errors.Exists as error:
            claim.mine = False
            digests = await self._adopted(target, image, error)
            claim.mine = True
            return Stored(error.url, size), digests

    async def _sources(
        self, image: Image, on_progress: Callable[[int], object]
    ) -> list[Callable[[], Verified]]:
        """Ways to read the image: from the best copy, going on at the next when it fails; and
        should its bytes be wrong, from every other copy alone."""
        assert image.size is not None
        found = self._stores.readable(self._corrections.corrected(image.locations))
        copies = [Copy(store, location.url) for store, location in found]
        if not copies:
            raise Unavailable(f"No store of image {image.id} is there.")
        ways = [copies, *([copy] for copy in copies[1:])]
        return [partial(self._verified, image, way, on_progress) for way in ways]

    def _verified(
        self, image: Image, copies: list[Copy], on_progress: Callable[[int], object]
    ) -> Verified:
        assert image.size is not None
        reading = Reading(
            copies, image.size, 0, image.size, files=self._files, judge=self._stores.judge
        )
        blocks = reading.blocks()
        if any(Capability.EXTERNAL in copy.store.capabilities for copy in copies) and not (
            recorded(image)
        ):
            # Nothing says that the server sends what was judged when its location came.
            settings = self._deps.settings.images
            inspection = Inspection(image.disk_format, image.container_format, settings)
            blocks = judged(blocks, Judgement(inspection))
        return Verified(
            blocks,
            Expected(image.size, recorded(image)),
            algorithms=self._missing(image),
            pace=self._pace,
            on_progress=on_progress,
        )

    async def _first(
        self, ways: list[Callable[[], Verified]], use: Callable[[Verified], Awaitable[Any]]
    ) -> tuple[Any, Verified]:
        """What ``use`` makes of the first way whose bytes are the image's."""
        for number, way in enumerate(ways):
            verified = way()
            try:
                return await use(verified), verified
            except Corrupt as error:
                log.error("a copy is corrupt: %s", error)
                if number == len(ways) - 1:
                    raise
            except Unavailable:
                if number:
                    continue  # the copy that was tried alone
                raise
        raise Unavailable("No copy of the image could be read.")

    async def _adopted(self, target: Store, image: Image, error: store_errors.Exists) -> Digests:
        """The digests of an object that is there already, if it is the image's.

        It is what a process left that was believed dead and came back.
        """
        assert image.size is not None
        if error.store == target.name and error.url and target.owns(error.url):
            verified = self._verified(image, [Copy(target, error.url)], lambda done: None)
            try:
                await verified.drain()
            except Corrupt:
                raise Conflict(f"Store '{target.name}' holds other data for this image.") from error
            return verified.digests
        raise error

    def _missing(self, image: Image) -> set[str]:
        """Algorithms of the digests that the image lacks, and that can be computed."""
        algorithm = self._algorithm(image)
        has = {CHECKSUM: image.checksum, algorithm: image.os_hash_value}
        wanted = algorithms(self._deps.settings.images, algorithm)
        return {each for each in wanted if has[each] is None and is_computable(each)}

    def _algorithm(self, image: Image) -> str:
        return image.os_hash_algo or self._deps.settings.images.hashing_algorithm

    # After.

    def _record(
        self,
        activation: Activation,
        claim: _Claim,
        target: Store,
        stored: Stored,
        digests: Digests,
        by_rule: Callable[[Connection], bool],
    ) -> None:
        conn, image_id = activation.conn, claim.image.id
        row = images.get(conn, image_id, locked=True)
        if row is None or row.image.status is not ImageStatus.ACTIVE:
            raise Gone(f"Image {image_id} was deleted or withheld while it was copied.")
        if self._location_in(target, row.image) is not None:
            raise Gone(f"Image {image_id} got a location in '{target.name}' by another way.")
        location_id = activation.copied(image_id, target.name, stored, claim.entry)
        if by_rule(conn):
            replicas.add(conn, image_id, location_id)
        else:
            replicas.remove(conn, location_id)
        self._record_digests(conn, claim.image, digests)

    def _record_digests(self, conn: Connection, image: Image, digests: Digests) -> None:
        """Fill in what is missing."""
        row = images.get(conn, image.id)
        if row is None:
            return
        values: dict[str, Any] = {}
        if row.image.checksum is None and CHECKSUM in digests:
            values["checksum"] = digests[CHECKSUM].value
        algorithm = self._algorithm(image)
        if row.image.os_hash_value is None and algorithm in digests:
            values |= {"os_hash_algo": algorithm, "os_hash_value": digests[algorithm].value}
        if values:
            images.update(conn, image.id, values, only_if_status={ImageStatus.ACTIVE})

    async def _undo(
        self, intent: Intent, store: Store, claim: _Claim, error: BaseException
    ) -> None:
        """What was there before is not for this copy to remove."""
        self._notify.not_uploaded(claim.image.id, store.name, error)
        mine = claim.mine and not left_nothing(error, store)
        if mine and not await self._database.read(journal.is_open, claim.entry):
            await self._database.write(self._reopen, intent, store, claim)
        await self._intents.undo(claim.entry, claim.image.id, store if mine else None, error)

    def _reopen(self, conn: Connection, intent: Intent, store: Store, claim: _Claim) -> None:
        """This process was believed dead, and its bytes were removed before they were there."""
        image_id = claim.image.id
        row = images.get(conn, image_id, locked=True)
        taken = row is not None and self._intents.is_in(store, row.image)
        if not taken and not journal.is_busy(conn, image_id, store.name):
            claim.entry = intent.copy(conn, image_id, store.name)
