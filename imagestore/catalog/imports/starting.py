"""The start of an import: may the caller, is the image free; then a task and a job are queued."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from imagestore.catalog import job_tasks
from imagestore.catalog.access import require_writer
from imagestore.catalog.activation import Activation
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports import progress
from imagestore.catalog.imports.sources import Sources
from imagestore.catalog.imports.unstaging import IMPORT, host_of, imports_of
from imagestore.catalog.jobs import Jobs
from imagestore.catalog.locations import refused_locations
from imagestore.catalog.operations import Operations
from imagestore.catalog.quotas import ProjectLimits
from imagestore.database import images, jobs, tasks
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Invalid
from imagestore.model.image import Image, ImageStatus
from imagestore.model.import_request import ImportRequest, Method, Order
from imagestore.model.job import JobDraft
from imagestore.model.task import Task, TaskStatus, TaskType

_STATUS = {
    Method.GLANCE_DIRECT: ImageStatus.UPLOADING,
    Method.WEB_DOWNLOAD: ImageStatus.QUEUED,
    Method.GLANCE_DOWNLOAD: ImageStatus.QUEUED,
    Method.COPY_IMAGE: ImageStatus.ACTIVE,
}
"""What an image has to be for each method."""

_LEASES = {TaskStatus.PENDING: timedelta(hours=2), TaskStatus.PROCESSING: timedelta(hours=1)}
"""How long an import at a Glance holds an image, from the last word of its task: as there."""


class Starting(Operations):
    """The operation behind ``POST /v2/images/{id}/import``."""

    def __init__(self, deps: Dependencies, sources: Sources, jobs_: Jobs) -> None:
        super().__init__(deps)
        self._sources = sources
        self._jobs = jobs_

    async def start(
        self,
        caller: Caller,
        image_id: str,
        request: ImportRequest,
        *,
        header_store: str | None = None,
        request_id: str | None = None,
        token: str | None = None,
    ) -> Task | None:
        """Queue the import; None where there is nothing to do.

        ``header_store``: the store that a header of the request names. ``token``: the caller's,
        to ask another region with if the data comes from there.
        """
        require_writer(caller)
        image = await self._database.read(self._check, caller, image_id, request)
        stores = self._targets(request, header_store, image)
        if not stores:
            return None
        await self._sources.check(request.method, request.source)
        source, sealed = await self._sources.described(request.method, request.source, token)
        request = replace(request, source=source)
        limits = await self._quotas.limits(image.owner)
        task = await self._activations.within(
            self._database.write,
            self._claim, caller, image_id, request, stores, request_id, limits, sealed,
        )  # fmt: skip
        self._jobs.wake()
        return task

    def _check(
        self, conn: Connection, caller: Caller, image_id: str, request: ImportRequest
    ) -> Image:
        """The image, if it may be imported into by this caller in its present state."""
        method = request.method
        row = self._access.find(conn, caller, image_id)
        image = row.image
        wanted = _STATUS[method]
        if image.status is not wanted:
            raise Conflict(f"The image is {image.status}; for {method} it has to be {wanted}.")
        for name in ("container_format", "disk_format"):
            if getattr(image, name) is None:
                raise Conflict(f"'{name}' needs to be set before import.")
        if method is Method.GLANCE_DIRECT and image.size is None:
            raise Conflict("The data of the image is still being staged.")
        rule = "copy_image" if method is Method.COPY_IMAGE else "modify_image"
        self._access.require(rule, caller, row)
        self._require_unlocked(conn, image)
        return image

    def _require_unlocked(self, conn: Connection, image: Image) -> None:
        """Raise while an import holds the image; one that nobody works on any more does not."""
        if progress.TASK not in image.properties:
            return
        if imports_of(conn, image.id) or _goes_on(conn, image.properties[progress.TASK]):
            raise Conflict(
                f"A new operation on image {image.id} is not allowed while an import goes on."
            )

    def _targets(
        self, request: ImportRequest, header_store: str | None, image: Image
    ) -> Sequence[str]:
        """The ids of the stores that the bytes are to go to; none if there is nothing to do."""
        stores = self._stores
        present = {
            store.name for location in image.locations if (store := stores.of(location)) is not None
        }
        copying = request.method is Method.COPY_IMAGE
        if not stores.multiple:
            if not request.all_must_succeed:
                raise Invalid("all_stores_must_succeed needs several stores; there is one.")
            wanted = [stores.default.name]
        elif request.all_stores:
            if request.stores is not None or header_store is not None:
                raise Invalid("all_stores excludes stores and the header X-Image-Meta-Store.")
            wanted = [each.name for each in stores.sections if stores.is_writable(each.name)]
            if copying:
                wanted = [name for name in wanted if name not in present]
        else:
            if request.stores is not None and header_store is not None:
                raise Invalid("stores excludes the header X-Image-Meta-Store.")
            named = request.stores
            if named is None:
                named = (header_store or stores.default.name,)
            elif not named:
                raise Invalid("stores names no store.")
            wanted = list(dict.fromkeys(named))
        for name in wanted:
            if name not in stores:
                raise Conflict(f"There is no store '{name}'.")
            if copying and name in present:
                raise Invalid(f"The image is already present at store '{name}'.")
            if not stores.is_writable(name):
                raise Conflict(f"Store '{name}' is read-only.")
        return wanted

    def _claim(
        self,
        activation: Activation,
        caller: Caller,
        image_id: str,
        request: ImportRequest,
        stores: Sequence[str],
        request_id: str | None,
        limits: ProjectLimits | None,
        token: str,
    ) -> Task:
        conn = activation.conn
        activation.updated(image_id)
        # Of two that ask at once, one gets the image.
        images.lock(conn, image_id)
        image = self._check(conn, caller, image_id, request)
        quotas = self._quotas
        staged = request.method is Method.GLANCE_DIRECT
        size = image.size or 1
        quotas.require_size(conn, limits, size * len(stores), staged=size if staged else 0)
        if not staged:  # which is on its way in already
            quotas.require_uploading(conn, limits)
            quotas.require_stage(conn, limits, size)
        if request.method is not Method.COPY_IMAGE:
            images.transition(
                conn, image_id, {image.status}, ImageStatus.IMPORTING, updated_at=now()
            )
            refused_locations.forget(conn, image)
        order = Order(
            task=str(uuid.uuid4()),
            method=request.method,
            stores=tuple(stores),
            source=request.source,
            all_must_succeed=request.all_must_succeed,
            host=host_of(image, self._deps.settings.server) if staged else "",
            roles=tuple(sorted(caller.roles)),
            size=request.size,
            checksum=request.checksum,
            kills=request.kills,
            token=token,
        )
        input_ = {
            "image_id": image_id,
            "import_req": request.body,
            "backend": list(stores) if self._stores.multiple else [None],
        }
        return queue(conn, caller, image, order, TaskType.API_IMAGE_IMPORT, input_, request_id)


def _goes_on(conn: Connection, task_id: str) -> bool:
    """Whether a Glance beside us may be at it: it has no job, but tells that it is alive."""
    task = tasks.get(conn, task_id)
    lease = _LEASES.get(task.status) if task else None
    return task is not None and lease is not None and task.updated_at > now() - lease


def queue(
    conn: Connection,
    caller: Caller,
    image: Image,
    order: Order,
    type_: TaskType,
    input_: Mapping[str, Any],
    request_id: str | None,
) -> Task:
    """A task, and the job that does it; they hold the image from now on."""
    task = job_tasks.begin(conn, caller, type_, image.id, input_, request_id, order.task)
    progress.begin(conn, image, order.task, order.stores)
    draft = JobDraft(
        IMPORT + order.host,
        payload=order.payload(),
        image_id=image.id,
        project=caller.project_id,
    )
    jobs.enqueue(conn, draft, task.created_at)
    return task
