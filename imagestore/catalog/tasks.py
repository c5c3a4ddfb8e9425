"""Tasks: what was asked for, and how far it is. For administrators, but for those of an image."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from imagestore.catalog.access import require_writer
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.images import Images
from imagestore.catalog.imports.imports import Imports
from imagestore.catalog.imports.starting import queue
from imagestore.catalog.jobs import Jobs
from imagestore.catalog.operations import Operations
from imagestore.database import images, tasks
from imagestore.database.tasks import TaskQuery
from imagestore.identity.caller import Caller
from imagestore.model.changes import ImageDraft
from imagestore.model.errors import Conflict, Invalid, NotFound
from imagestore.model.image import ImageStatus
from imagestore.model.import_request import ImportRequest, Method, Order
from imagestore.model.task import Task, TaskType


class Tasks(Operations):
    def __init__(self, deps: Dependencies, images_: Images, imports: Imports, jobs: Jobs) -> None:
        super().__init__(deps)
        self._images = images_
        self._imports = imports
        self._jobs = jobs

    def authorize(self, caller: Caller) -> None:
        """Raise unless the caller may use the API of tasks at all."""
        self._access.policy.authorize("tasks_api_access", caller, {})

    async def of_image(self, caller: Caller, image_id: str) -> list[Task]:
        """The caller's tasks of an image that he may see, the oldest first; administrators see
        those of all projects."""

        def find(conn: Connection) -> list[Task]:
            self._access.find(conn, caller, image_id, "get_image")
            return tasks.of_image(conn, image_id)

        found = await self._database.read(find)
        return [task for task in found if caller.is_admin or task.owner == caller.project_id]

    async def page(self, caller: Caller, query: TaskQuery) -> list[Task]:
        """One page of tasks; all for an administrator, else those of the caller's project."""
        self.authorize(caller)
        self._access.policy.authorize("get_tasks", caller, {})
        if not caller.is_admin:
            query = replace(query, owner=caller.project_id or "")
        found = await self._database.read(tasks.select_page, query)
        if found is None:
            raise Invalid(f"The marker {query.marker} is no task.")
        return found

    async def show(self, caller: Caller, task_id: str) -> Task:
        self.authorize(caller)
        task = await self._database.read(tasks.get, task_id)
        if task is None or not (caller.is_admin or task.owner == caller.project_id):
            raise NotFound(f"There is no task {task_id}.")
        self._access.policy.authorize("get_task", caller, {})
        return task

    async def create(
        self,
        caller: Caller,
        draft: ImageDraft,
        url: str,
        input_: Mapping[str, Any],
        request_id: str | None = None,
    ) -> Task:
        """Make an image as ``draft`` says and import into it what is at ``url``.

        The image is there at once; if the import fails, it goes. ``input_``: as it came.
        """
        self._require_creator(caller)
        image = self._images.prepare(caller, draft)
        if image.disk_format is None or image.container_format is None:
            raise Invalid("image_properties must set disk_format and container_format.")
        await self._imports.sources.check_url(url)
        image.status = ImageStatus.IMPORTING
        order = Order(
            task=str(uuid.uuid4()),
            method=Method.WEB_DOWNLOAD,
            stores=(self._stores.default.name,),
            source={"uri": url},
            made_image=True,
            roles=tuple(sorted(caller.roles)),
        )

        limits = await self._quotas.limits(image.owner)

        def record(conn: Connection) -> Task:
            self._quotas.require_count(conn, limits)
            self._quotas.require_uploading(conn, limits)
            images.insert(conn, image, id_is_given="id" in draft.attributes)
            return queue(conn, caller, image, order, TaskType.IMPORT, input_, request_id)

        task = await self._database.write(record)
        self._jobs.wake()
        return task

    async def import_into(
        self,
        caller: Caller,
        image_id: str,
        request: ImportRequest,
        *,
        request_id: str | None = None,
        token: str | None = None,
    ) -> Task:
        """Import into an image that is there, by the rules of ``POST /v2/images/{id}/import``."""
        self._require_creator(caller)
        task = await self._imports.start(
            caller, image_id, request, request_id=request_id, token=token
        )
        if task is None:
            raise Conflict(f"Image {image_id} is in all stores already.")
        return task

    def _require_creator(self, caller: Caller) -> None:
        self.authorize(caller)
        self._access.policy.authorize("add_task", caller, {})
        require_writer(caller)
