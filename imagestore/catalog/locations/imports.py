"""A location given to a queued image by itself (``/v2/images/{id}/locations``), and listed.

The image is ``importing`` from the call on, so that nothing else can give it bytes; a job
finds out what lies there, and judges it as if it were uploaded. With hashes to compare, or a
signature, all is read, and the image is active once they are found to be right; without, when its
head and its end were looked at, and it is hashed by a further job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from imagestore.backends.base import Capability, Store, Stored
from imagestore.backends.errors import StoreError, Unavailable, WrongSize
from imagestore.catalog import job_tasks
from imagestore.catalog.access import require_writer
from imagestore.catalog.activation import Activation, put_back
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.jobs import GiveUp, JobKind, Jobs, Work
from imagestore.catalog.locations import refused_locations, validation_data
from imagestore.catalog.locations.hashes import hash_later
from imagestore.catalog.locations.rules import (
    LocationRules,
    as_location_failure,
    fetched,
    has_service_role,
)
from imagestore.catalog.operations import Operations
from imagestore.catalog.quotas import ProjectLimits
from imagestore.catalog.signatures import Signatures, signed
from imagestore.database import images, jobs, properties
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.digest import Expected
from imagestore.model.errors import Conflict, Corrupt, Forbidden, Invalid
from imagestore.model.errors import Unavailable as TryAgain
from imagestore.model.image import Image, ImageStatus, Location
from imagestore.model.job import Job, JobDraft
from imagestore.model.task import TaskType
from imagestore.transfer.digests import algorithms
from imagestore.transfer.judgement import Judgement, digest

KIND = "location_import"


class LocationImports(Operations):
    """The calls, and the handler of their jobs."""

    def __init__(self, deps: Dependencies, jobs_: Jobs) -> None:
        super().__init__(deps)
        self._rules = LocationRules(deps)
        self._tasks = job_tasks.JobTasks(deps)
        self._signatures = Signatures(deps.settings.signatures)
        self._jobs = jobs_

    @property
    def kind(self) -> JobKind:
        attempts = max(1, self._deps.settings.images.http_retries)
        return JobKind(KIND, self._carry_out, self._put_back, awaited=True, attempts=attempts)

    async def add(
        self,
        caller: Caller,
        image_id: str,
        url: str,
        validation: Mapping[str, str],
        *,
        request_id: str | None = None,
        size: int | None = None,
        kills: bool = False,
    ) -> None:
        """Have the bytes at ``url`` become the image's.

        ``validation``: what they have to be hashed to, ``os_hash_algo`` with ``os_hash_value``
        and the MD5 as ``checksum``, or nothing. ``size``: how many bytes they have to be.
        ``kills``: the image is ``killed`` if they are not.
        """
        require_writer(caller)
        await self._activations.within(
            self._database.write,
            self._claim, caller, image_id, url, validation, request_id, size, kills,
        )  # fmt: skip
        self._jobs.wake()

    async def all(self, caller: Caller, image_id: str) -> tuple[Location, ...]:
        """The locations of the image, for services: of the copies that may be read."""
        row = await self._database.read(self._access.find, caller, image_id, "fetch_image_location")
        return tuple(each for each in row.image.locations if each.status == "active")

    def require_addable(self, caller: Caller, url: str) -> None:
        """Raise if a location of this kind is not for this caller to add."""
        is_http = url.partition("://")[0].lower() in ("http", "https")
        if not has_service_role(caller) and not (is_http and self._stores.by_url(url)):
            raise Forbidden("Only http and https locations, with a store for them, can be added.")

    def _claim(
        self,
        activation: Activation,
        caller: Caller,
        image_id: str,
        url: str,
        validation: Mapping[str, str],
        request_id: str | None,
        size: int | None,
        kills: bool,
    ) -> None:
        conn = activation.conn
        activation.updated(image_id)
        row = self._access.find(conn, caller, image_id, "add_image_location")
        image, moment = row.image, now()
        if image.status is not ImageStatus.QUEUED:
            raise Conflict(f"A location cannot be added while the image is {image.status}.")
        self.require_addable(caller, url)
        validation_data.digests(validation, self._deps.settings.images.hashing_algorithm)
        store = self._rules.store_for(caller, image_id, url)
        self._rules.require_unshared(conn, store, image_id, url)
        if image.disk_format is None or image.container_format is None:
            raise Invalid("disk_format and container_format must be set before a location is.")
        if not images.transition(
            conn, image_id, {ImageStatus.QUEUED}, ImageStatus.IMPORTING, updated_at=moment
        ):
            raise Conflict(f"Something else is under way with image {image_id}.")
        refused_locations.forget(conn, image)
        given = dict(validation)
        told = {"image_id": image_id, "validation_data": given}
        task = job_tasks.begin(conn, caller, TaskType.LOCATION_IMPORT, image_id, told, request_id)
        payload = {"url": url, "validation": given, "task": task.id, "size": size, "kills": kills}
        jobs.enqueue(conn, JobDraft(KIND, payload, image_id, store.name, image.owner), moment)

    async def _carry_out(self, work: Work) -> None:
        assert work.job.image_id is not None
        row = await self._database.select(images.get, work.job.image_id)
        if row is None or row.image.status is not ImageStatus.IMPORTING:
            # Deleted meanwhile; or recorded by an attempt before this one, with its task.
            await work.write(self._tasks.fail, work.job)
            return
        await work.write(self._tasks.proceed, work.job)
        image, url = row.image, work.job.payload["url"]
        store = self._stores.by_url(url)
        if store is None:
            raise GiveUp("This URL does not lead into any store of the service.")
        size = await self._rules.measure(store, url)
        if work.job.payload.get("size") not in (None, size):
            raise GiveUp(f"There are {size} bytes at the location, not as many as said.")
        settings = self._deps.settings.images
        values: dict[str, Any] = {"size": size}
        if signed(image.properties) or (settings.do_secure_hash and work.job.payload["validation"]):
            values |= await self._whole(work, image, store, size)
        else:
            values["virtual_size"] = (await self._rules.look(image, store, url)).virtual_size
        limits = await self._quotas.limits(image.owner)
        await self._activations.within(
            work.write, self._activate, work.job, image, store, values, limits
        )

    async def _whole(self, work: Work, image: Image, store: Store, size: int) -> dict[str, Any]:
        """Read all; what is recorded of the bytes when the image becomes active."""
        validation: Mapping[str, str] = work.job.payload["validation"]
        settings = self._deps.settings.images
        algorithm = validation.get("os_hash_algo", settings.hashing_algorithm)
        wanted = validation_data.digests(validation, algorithm)
        # As for imports, without the caller's token: with the service's own account.
        verification = await self._signatures.verification(
            signed(image.properties), token=None, project=image.owner
        )
        inspection = self._rules.inspection(image, store)
        judgement = Judgement(inspection, verification=verification)
        try:
            found = await digest(
                store,
                fetched(work.job.payload["url"]),
                Expected(size, wanted),
                algorithms(settings, algorithm),
                judgement=judgement,
                on_progress=lambda done: work.progress(done, size),
            )
        except (Unavailable, WrongSize):
            raise
        except Corrupt as error:
            raise GiveUp(
                f"The bytes at the location do not have the hash that was given: {error.fault}."
            ) from error
        except StoreError as error:
            raise as_location_failure(error) from error
        values = validation_data.columns(found, algorithm)
        return {**values, "virtual_size": judgement.virtual_size}

    def _activate(
        self,
        activation: Activation,
        job: Job,
        image: Image,
        store: Store,
        values: dict[str, Any],
        limits: ProjectLimits | None,
    ) -> None:
        conn = activation.conn
        self._quotas.require_size(conn, limits, values["size"])
        row = images.get(conn, image.id)
        if row is not None and _judged_by(row.image) != _judged_by(image):
            raise TryAgain("The image has changed meanwhile.")
        if "os_hash_value" not in values:
            claims = validation_data.as_property(job.payload["validation"])
            properties.replace(conn, image.id, {}, claims)
        stored = {store.name: Stored(job.payload["url"], values["size"])}
        (number,) = activation.activate(image, values, stored)
        if self._deps.settings.images.do_secure_hash and "os_hash_value" not in values:
            # The task ends with the hash: that is what clients wait for.
            hash_later(conn, image, number, store.name, now(), task=job.payload.get("task"))
        else:
            self._tasks.succeed(conn, job)

    def _put_back(self, conn: Connection, job: Job) -> None:
        """The job has ended without success: the image waits for its data again."""
        assert job.image_id is not None
        to = ImageStatus.KILLED if job.payload.get("kills") else ImageStatus.QUEUED
        back = put_back(conn, job.image_id, ImageStatus.IMPORTING, to)
        if back and to is ImageStatus.QUEUED:
            self._remember(conn, job)
        self._tasks.fail(conn, job)

    def _remember(self, conn: Connection, job: Job) -> None:
        """Where the refused bytes lie, if they are in no hands of ours."""
        store = self._stores.by_url(job.payload["url"])
        row = images.get(conn, job.image_id) if job.image_id else None
        if row and store is not None and Capability.EXTERNAL in store.capabilities:
            refused_locations.remember(conn, row.image, store.name)


def _judged_by(image: Image) -> tuple[object, ...]:
    """What the verdict on its bytes depends on."""
    return image.disk_format, image.container_format, signed(image.properties)
