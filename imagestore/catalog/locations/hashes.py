"""Hashes of bytes that came into an image as a location: computed afterwards, as a job.

An image without a hash gets the one of its first location. Another location counts only
when its bytes have the image's hash; until then nobody reads it, and one with other bytes is
taken out of the image again. So is a first location that was given with a hash: is none left,
the image is queued again. The data of an active image never changes.

What gives an image its hash is judged once more on the way: a server may send other bytes than
it did at first. What is refused then is read by nobody any more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from imagestore.backends.base import Capability
from imagestore.backends.errors import InvalidLocation, NotFound, StoreError, WrongSize
from imagestore.catalog.activation import put_back
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.job_tasks import JobTasks, reason
from imagestore.catalog.jobs import GiveUp, JobKind, Work
from imagestore.catalog.locations import refused_locations, validation_data
from imagestore.catalog.locations.rules import LocationRules, fetched
from imagestore.database import images, jobs, locations, properties
from imagestore.model.clock import now
from imagestore.model.digest import CHECKSUM, Digest, Expected, recorded
from imagestore.model.errors import Corrupt, Unavailable, Unsupported
from imagestore.model.image import CLAIMED_HASHES, Image, ImageStatus, Location
from imagestore.model.job import Job, JobDraft
from imagestore.transfer.digests import algorithms
from imagestore.transfer.judgement import Judgement, digest

log = logging.getLogger(__name__)

KIND = "location_hash"
_HASHED = {ImageStatus.ACTIVE, ImageStatus.DEACTIVATED}


def hash_later(
    conn: Connection,
    image: Image,
    location: int,
    store: str,
    moment: datetime,
    *,
    task: str | None = None,
    delay: timedelta = timedelta(),
) -> None:
    """Queue the work for a location, by the id of its row. ``task``: one that ends with it."""
    payload, due = {"location": location, "task": task}, moment + delay
    draft = JobDraft(KIND, payload, image.id, store, image.owner, not_before=due, unique=False)
    jobs.enqueue(conn, draft, moment)


class LocationHashes:
    """The handler of the jobs."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._rules = LocationRules(deps)
        self._tasks = JobTasks(deps)

    @property
    def kind(self) -> JobKind:
        return JobKind(KIND, self._carry_out, abandoned=self._without_hash)

    async def _carry_out(self, work: Work) -> None:
        await self._hash(work)
        await work.write(self._tasks.succeed, work.job)

    def _without_hash(self, conn: Connection, job: Job) -> None:
        """The data is there all the same, unless nobody could read it so far."""
        if self._queued_again(conn, job):
            return
        why = reason(conn, job, "it was given up")
        self._tasks.succeed(conn, job, f"The image has no hash: {why}")

    def _queued_again(self, conn: Connection, job: Job) -> bool:
        """Take out a location that was given with a hash and is not known to have it; whether the
        image has none left, and waits for its data again."""
        assert job.image_id is not None
        row = images.get(conn, job.image_id, locked=True)
        image = row.image if row else None
        location = _location(image, job.payload["location"])
        if image is None or location is None or not image.claimed_hashes:
            return False
        if location.status != locations.UNVERIFIED:
            return False
        if len(image.locations) > 1:
            locations.remove(conn, job.payload["location"])
            return False
        if not put_back(conn, image.id, ImageStatus.ACTIVE):
            return False  # an operator has withheld it: the location is not read either way
        locations.remove(conn, job.payload["location"])
        _forget_claims(conn, image)
        store = self._deps.stores.of(location)
        if store is not None and Capability.EXTERNAL in store.capabilities:
            refused_locations.remember(conn, image, store.name)
        return True

    async def _hash(self, work: Work) -> None:
        image_id, number = work.job.image_id, work.job.payload["location"]
        assert image_id is not None
        row = await self._deps.database.select(images.get, image_id)
        image = row.image if row else None
        location = _location(image, number)
        if image is None or location is None or image.status not in _HASHED:
            return
        if location.status == "active":
            if image.os_hash_value is None:
                await self._fill_in(work, image, location)
        elif location.status == locations.UNVERIFIED:
            await self._verify(work, image, location)

    async def _fill_in(self, work: Work, image: Image, location: Location) -> None:
        settings, claimed = self._deps.settings.images, image.claimed_hashes
        algorithm = image.os_hash_algo or claimed.get("os_hash_algo") or settings.hashing_algorithm
        computed = algorithms(settings, algorithm)
        if "checksum" in claimed:
            computed |= {CHECKSUM}
        try:
            found = await self._digests(work, image, location, computed, judge=True)
        except Unsupported:
            if location.status == "active" and location.id is not None:
                await work.write(locations.set_status, location.id, locations.DAMAGED)
            raise
        if location.status == locations.UNVERIFIED and not validation_data.agree(
            found, validation_data.digests(claimed, algorithm)
        ):
            raise GiveUp("The bytes at the location do not have the hash that was given.")
        values = validation_data.columns(found, algorithm)
        await work.write(_record, image.id, location, values)

    async def _verify(self, work: Work, image: Image, location: Location) -> None:
        assert location.id is not None
        first = next((each for each in image.locations if each.status == "active"), None)
        if image.os_hash_value is None:
            if first is None and image.claimed_hashes:
                await self._fill_in(work, image, location)
                return
            if first is None:
                raise GiveUp("The image has no bytes to compare with.")
            await self._fill_in(work, image, first)
            raise Unavailable("The hash of the image was not known yet.")
        wanted = recorded(image)
        if not wanted:
            raise GiveUp("The hash of the image cannot be computed here.")
        try:
            await self._digests(work, image, location, wanted=wanted)
        except (NotFound, InvalidLocation, WrongSize, Corrupt) as error:
            log.error("image %s: %s is taken out: %s", image.id, location.url, error)
        else:
            await work.write(locations.set_status, location.id, "active")
            return
        await work.write(locations.remove, location.id)
        raise GiveUp("The bytes at the location are not those of the image.")

    async def _digests(
        self,
        work: Work,
        image: Image,
        location: Location,
        algorithms: Iterable[str] = (),
        wanted: tuple[Digest, ...] = (),
        *,
        judge: bool = False,
    ) -> Mapping[str, Digest]:
        store = self._deps.stores.of(location)
        if store is None or image.size is None:
            raise GiveUp("The location belongs to no store.")
        try:
            return await digest(
                store,
                fetched(location.url),
                Expected(image.size, wanted),
                algorithms,
                judgement=Judgement(self._rules.inspection(image, store)) if judge else None,
                on_progress=lambda done: work.progress(done, image.size),
            )
        except StoreError:
            log.warning("image %s: a location could not be hashed", image.id)
            raise


def _record(conn: Connection, image_id: str, location: Location, values: dict[str, str]) -> None:
    """Give the image its hash, if it still has none and still has the location."""
    row = images.get(conn, image_id, locked=True)
    if row is None or row.image.os_hash_value is not None:
        return
    if any(each.id == location.id for each in row.image.locations):
        images.update(conn, image_id, {**values, "updated_at": now()}, only_if_status=_HASHED)
        _forget_claims(conn, row.image)
        if location.status == locations.UNVERIFIED and location.id is not None:
            locations.set_status(conn, location.id, "active")


def _forget_claims(conn: Connection, image: Image) -> None:
    if known := image.properties.get(CLAIMED_HASHES):
        properties.replace(conn, image.id, {CLAIMED_HASHES: known}, {})


def _location(image: Image | None, number: int) -> Location | None:
    return next((each for each in image.locations if each.id == number), None) if image else None
