"""The tasks that tell clients how far a job is.

Whoever sees an image sees its tasks, and where its data lies is not for all of them: so the
input of the import of a location does not have the URL.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from imagestore.catalog.dependencies import Dependencies
from imagestore.database import jobs, tasks
from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.job import Job
from imagestore.model.task import Task, TaskStatus, TaskType


def begin(
    conn: Connection,
    caller: Caller,
    type_: TaskType,
    image_id: str,
    input_: Mapping[str, Any],
    request_id: str | None,
    task_id: str | None = None,
) -> Task:
    """Write a new task."""
    moment = now()
    task = Task(
        id=task_id or str(uuid.uuid4()),
        type=type_.value,
        status=TaskStatus.PENDING,
        owner=caller.project_id or "",
        created_at=moment,
        updated_at=moment,
        image_id=image_id,
        request_id=request_id and request_id[:64],
        user_id=caller.user_id and caller.user_id[:64],
        input=input_,
    )
    tasks.add(conn, task)
    return task


class JobTasks:
    """The payload of a job has the id of its task, or none if it is of an older version."""

    def __init__(self, deps: Dependencies) -> None:
        self._kept = timedelta(hours=deps.settings.jobs.time_to_live)

    def proceed(self, conn: Connection, job: Job) -> None:
        if task := job.payload.get("task"):
            tasks.set_status(conn, task, TaskStatus.PROCESSING, now())

    def succeed(self, conn: Connection, job: Job, message: str = "") -> None:
        """The image has its data."""
        self._end(conn, job, TaskStatus.SUCCESS, message)

    def fail(self, conn: Connection, job: Job) -> None:
        """The job was given up; the task says why."""
        self._end(conn, job, TaskStatus.FAILURE, reason(conn, job, "The import was given up."))

    def _end(self, conn: Connection, job: Job, status: TaskStatus, message: str) -> None:
        if task := job.payload.get("task"):
            moment = now()
            result = {"image_id": job.image_id} if status is TaskStatus.SUCCESS else None
            tasks.set_status(
                conn, task, status, moment,
                message=message, result=result, expires_at=moment + self._kept,
            )  # fmt: skip


def reason(conn: Connection, job: Job, otherwise: str) -> str:
    """Why a job that has ended ended so."""
    ended = jobs.get(conn, job.id)
    return (ended.message if ended else None) or otherwise
