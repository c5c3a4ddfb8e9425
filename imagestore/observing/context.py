"""For whom the code at hand is at work: facts that follow a request or a job, for all that is told.

They follow into tasks and threads that are started on the way. Whoever starts a task that
outlives its request, and is for all, gives it a context of its own.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from imagestore.model.job import Job


@dataclass(slots=True)
class Context:
    """A request or a job; what is not known, or not yet, is empty.

    ``project_id``: of the caller, or for whom the job is done. ``image_id``: of a job.
    """

    request_id: str = ""
    user_id: str = ""
    project_id: str = ""
    job_id: str = ""
    job_kind: str = ""
    image_id: str = ""

    def known(self) -> dict[str, str]:
        """The facts that there are, by the names of the fields."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


current: ContextVar[Context | None] = ContextVar("current", default=None)
"""What is worked for; None: nobody in particular."""


def of_job(job: Job) -> Context:
    """To be set in the task that works on the job."""
    return Context("", "", job.project or "", job.id, job.kind, job.image_id or "")
