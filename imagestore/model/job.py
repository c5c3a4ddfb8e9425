"""A job: a piece of background work that outlives the process that works on it. Pure data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """``queued`` and ``running`` are active, the rest are ends; ``failed`` is parked: it can
    be retried."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = frozenset({JobState.QUEUED, JobState.RUNNING})
ENDED = frozenset(JobState) - ACTIVE


@dataclass(frozen=True, slots=True)
class JobDraft:
    """A job to be queued.

    ``image_id``: what it works on. ``target``: where to, for most kinds the id of a
    store; limits count by it. ``project``: for whom; projects are served in turn.
    ``not_before``: in UTC without zone. ``unique``: whether one active job of the same
    kind, image and target is enough. ``max_attempts``: 0 for as many as its kind says.
    """

    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    image_id: str | None = None
    target: str = ""
    project: str | None = None
    max_attempts: int = 0
    not_before: datetime | None = None
    unique: bool = True

    @property
    def key(self) -> str | None:
        """What no two active jobs share; None if any number may be active."""
        if not self.unique:
            return None
        named = "\0".join((self.kind, self.image_id or "", self.target))
        return hashlib.sha256(named.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the database. Times in UTC without zone, sizes in bytes.

    ``fence`` grows with every claim: whoever holds an older one has lost the job.
    ``message``: why the last attempt failed, or how the job ended. ``traceparent``: of what queued
    it (W3C Trace Context), where that was traced.
    """

    id: str
    kind: str
    image_id: str | None
    target: str
    project: str | None
    payload: Mapping[str, Any]
    state: JobState
    attempts: int
    max_attempts: int
    bytes_done: int
    bytes_total: int | None
    message: str | None
    not_before: datetime
    cancel_requested: bool
    lease_owner: str | None
    lease_until: datetime | None
    fence: int
    created_at: datetime
    updated_at: datetime
    traceparent: str | None = None
