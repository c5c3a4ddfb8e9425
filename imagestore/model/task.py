"""A task: what somebody who asked for an import is told of it. Pure data.

The work itself is a job (:mod:`imagestore.model.job`); a task is its record in the Images API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class TaskStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILURE = "failure"


class TaskType(StrEnum):
    """``import`` makes a new image; ``api_image_import`` gives data to one that is there."""

    IMPORT = "import"
    API_IMAGE_IMPORT = "api_image_import"
    LOCATION_IMPORT = "location_import"


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it stands in the database. Times in UTC without zone.

    ``expires_at``: from then on the record may be removed; None while the task goes on.
    """

    id: str
    type: str
    status: TaskStatus
    owner: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    image_id: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    message: str = ""
