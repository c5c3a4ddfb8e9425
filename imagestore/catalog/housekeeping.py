"""Housekeeping: rows that nobody needs any more, removed once an hour by one of all nodes."""

from __future__ import annotations

from datetime import timedelta

from imagestore.catalog.jobs import PATIENT, JobKind, Jobs, Work
from imagestore.config import settings
from imagestore.database import events, jobs, purge, tasks
from imagestore.model.clock import now
from imagestore.model.job import JobDraft

KIND = "housekeeping"
EVERY = timedelta(hours=1)
_AT_ONCE = 500
"""Rows that are removed in one transaction, so that others can write in between."""


class Housekeeping:
    """A job that comes again: there is one at any time."""

    def __init__(self, jobs_: Jobs, config: settings.Settings) -> None:
        self._jobs = jobs_
        self._kept = timedelta(hours=config.jobs.time_to_live)
        self._purged_after = config.jobs.purge_deleted_after
        self._events = config.events
        jobs_.register(JobKind(KIND, self._run, attempts=PATIENT, every=EVERY))

    async def ensure(self) -> None:
        """Queue it, unless it is queued or running."""
        await self._jobs.submit(JobDraft(KIND))

    async def _run(self, work: Work) -> None:
        while await work.write(jobs.remove_ended, now() - self._kept, _AT_ONCE) == _AT_ONCE:
            pass
        before = now() - timedelta(hours=self._events.kept_hours)
        while await work.write(events.purge, before, self._events.kept_rows, _AT_ONCE) == _AT_ONCE:
            pass
        while await work.write(tasks.remove_expired, now(), _AT_ONCE) == _AT_ONCE:
            pass
        if self._purged_after > 0:
            before = now() - timedelta(days=self._purged_after)
            while sum((await work.write(purge.purge, before, _AT_ONCE)).values()) >= _AT_ONCE:
                pass
