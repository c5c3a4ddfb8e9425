"""Figures of the state of things, for metrics: what the database and the stores tell of it.

They are asked for when somebody reads the metrics, by the worker that answers, and not more
often than every few seconds. None of it takes longer where there are more images.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import time
from datetime import UTC, datetime

from imagestore import __version__
from imagestore.backends.base import Capability, Store
from imagestore.backends.errors import StoreError
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.integrity.patrol import Patrol
from imagestore.catalog.jobs import Jobs
from imagestore.database import jobs as job_rows
from imagestore.database import quotas
from imagestore.model.clock import now
from imagestore.model.errors import ImagestoreError
from imagestore.model.job import ACTIVE, JobState
from imagestore.observing import metrics

log = logging.getLogger(__name__)

FRESH = 10.0
"""Seconds for which the database is not asked again."""
ROOM_FRESH = 60.0
"""Seconds for which stores are not asked again; some take a while to count."""
PATIENCE = 3.0
"""Seconds in which the database has to answer before the metrics are told without it."""


class Figures:
    """Sets the gauges of what is not counted as it happens."""

    def __init__(self, deps: Dependencies, jobs: Jobs, patrol: Patrol) -> None:
        self._database = deps.database
        self._stores = [
            store for store in deps.stores if Capability.EXTERNAL not in store.capabilities
        ]
        self._quota = deps.settings.limits.user_storage_quota
        self._jobs = jobs
        self._patrol = patrol
        self._asked = self._weighed = -ROOM_FRESH
        self._weighing: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Ask again what is too old; of many who call at once one asks. Never raises."""
        moment = time.monotonic()
        if moment - self._weighed >= ROOM_FRESH and (
            self._weighing is None or self._weighing.done()
        ):
            self._weighed = moment
            # Nobody waits for that: a store may take longer than the patience of who reads this.
            self._weighing = asyncio.create_task(self._weigh())
        if moment - self._asked < FRESH:
            return
        self._asked = moment
        metrics.BUILD.labels(__version__, platform.python_version()).set(1)
        metrics.QUOTA_LIMIT.set(max(self._quota, 0))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._ask()
        except (ImagestoreError, TimeoutError) as error:
            log.warning("metrics are told without what the database holds: %r", error)
            metrics.DATABASE_UP.set(0)
        else:
            metrics.DATABASE_UP.set(1)

    async def close(self) -> None:
        if self._weighing is not None:
            self._weighing.cancel()
            await asyncio.gather(self._weighing, return_exceptions=True)

    async def _ask(self) -> None:
        moment = now()
        found = await self._database.read(job_rows.tally, moment)
        for kind in {*self._jobs.kinds, *(kind for kind, _ in found)}:
            for state in (*ACTIVE, JobState.FAILED):
                # A kind without jobs in a state has none, not no value.
                number, due = found.get((kind, state), (0, None))
                metrics.JOBS.labels(kind, state.value).set(number)
                if state is JobState.QUEUED:
                    waits = 0.0 if due is None else (moment - due).total_seconds()
                    metrics.JOBS_WAITING.labels(kind).set(waits)
        metrics.QUOTA_RESERVED.set(await self._database.select(quotas.reserved_total))
        since = await self._patrol.verified_since()
        if since is not None:
            metrics.PATROL_VERIFIED.set(_seconds(since))

    async def _weigh(self) -> None:
        await asyncio.gather(*(self._weigh_one(store) for store in self._stores))

    async def _weigh_one(self, store: Store) -> None:
        try:
            room = await store.capacity()
        except StoreError as error:
            log.debug("room is not known: %s", error)  # its health says it
            return
        if room.total is not None:
            metrics.STORE_CAPACITY.labels(store.name).set(room.total)
        if room.free is not None:
            metrics.STORE_FREE.labels(store.name).set(room.free)


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
