"""Hashes of bytes that came into an image as a location: computed afterwards, as a job.

An image without a hash gets the one of its first location. Another location counts only
when its bytes have the image's hash; until then nobody reads it, and one with other bytes is
taken out of the image again. The data of an active image never changes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from imagestore.backends.errors import InvalidLocation, NotFound, StoreError, WrongSize
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.jobs import GiveUp, JobKind, Work
from imagestore.catalog.locations.rules import fetched
from imagestore.catalog.locations.tasks import LocationTasks, reason
from imagestore.database import images, jobs, locations
from imagestore.model.clock import now
from imagestore.model.digest import CHECKSUM, Digest, Expected, recorded
from imagestore.model.errors import Corrupt, Unavailable
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.model.job import Job, JobDraft
from imagestore.transfer.digesting import digest

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
    draft = JobDraft(
        KIND,
        {"location": location, "task": task},
        image_id=image.id,
        target=store,
        project=image.owner,
        unique=False,
        not_before=moment + delay,
    )
    jobs.enqueue(conn, draft, moment)


class LocationHashes:
    """The handler of the jobs."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._tasks = LocationTasks(deps)

    @property
    def kind(self) -> JobKind:
        return JobKind(KIND, self._carry_out, abandoned=self._without_hash)

    async def _carry_out(self, work: Work) -> None:
        await self._hash(work)
        await work.write(self._tasks.succeed, work.job)

    def _without_hash(self, conn: Connection, job: Job) -> None:
        """The data is there all the same."""
        why = reason(conn, job, "it was given up")
        self._tasks.succeed(conn, job, f"The image has no hash: {why}")

    async def _hash(self, work: Work) -> None:
        image_id, number = work.job.image_id, work.job.payload["location"]
        assert image_id is not None
        row = await self._deps.database.read(images.get, image_id)
        image = row.image if row else None
        location = (
            next((each for each in image.locations if each.id == number), None) if image else None
        )
        if image is None or location is None or image.status not in _HASHED:
            return
        if location.status == "active":
            if image.os_hash_value is None:
                await self._fill_in(work, image, location)
        elif location.status == locations.UNVERIFIED:
            await self._verify(work, image, location)

    async def _fill_in(self, work: Work, image: Image, location: Location) -> None:
        algorithm = image.os_hash_algo or self._deps.settings.images.hashing_algorithm
        found = await self._digests(work, image, location, {CHECKSUM, algorithm})
        values = {
            "checksum": found[CHECKSUM].value,
            "os_hash_algo": algorithm,
            "os_hash_value": found[algorithm].value,
        }
        await work.write(_record, image.id, location, values)

    async def _verify(self, work: Work, image: Image, location: Location) -> None:
        assert location.id is not None
        first = next((each for each in image.locations if each.status == "active"), None)
        if image.os_hash_value is None:
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
    ) -> Mapping[str, Digest]:
        store = self._deps.stores.of(location)
        if store is None or image.size is None:
            raise GiveUp("The location belongs to no store.")
        try:
            values, _ = await digest(
                store,
                fetched(location.url),
                Expected(image.size, wanted),
                algorithms,
                on_progress=lambda done: work.progress(done, image.size),
            )
        except StoreError:
            log.warning("image %s: a location could not be hashed", image.id)
            raise
        return values


def _record(conn: Connection, image_id: str, location: Location, values: dict[str, str]) -> None:
    """Give the image its hash, if it still has none and still has the location."""
    images.lock(conn, image_id)
    row = images.get(conn, image_id)
    if row is None or row.image.os_hash_value is not None:
        return
    if any(each.id == location.id for each in row.image.locations):
        images.update(conn, image_id, {**values, "updated_at": now()}, only_if_status=_HASHED)
