"""The runner: claims jobs and works on them, as tasks of this process's event loop.

Once a second it looks at the queue, and in between when this process has queued
something. A look finds everything that is to be done: jobs that are due, leases to
renew, jobs whose worker is gone (known at once for a process of this machine, else
when its lease has run out), and jobs that somebody wants to end.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import Enum

from imagestore.backends.errors import StoreError
from imagestore.catalog.jobs import Completion, Jobs, LeaseLost, Work
from imagestore.catalog.store_failures import as_reason
from imagestore.database.leases import GUESTS
from imagestore.model.clock import now
from imagestore.model.errors import ImagestoreError, Unavailable
from imagestore.model.job import Job, JobState
from imagestore.observing import context, metrics, tracing
from imagestore.supervisor.process_identity import is_gone
from imagestore.workers.forever import forever

log = logging.getLogger(__name__)


class _Stop(Enum):
    """Why a handler was cancelled."""

    CANCELLED = "cancelled"
    LOST = "lost"
    DRAINED = "drained"


class _Running(Work):
    """A job that this process works on."""

    task: asyncio.Task[None]
    stop: _Stop | None = None
    recording = False
    """The handler has ended, and what came of it is being written."""
    told: tuple[int, int | None] = (0, None)
    """The progress that is in the database."""

    def end(self, why: _Stop) -> None:
        if self.stop is None and not self.recording:
            self.stop = why
            self.task.cancel()


class JobRunner:
    """Works on the kinds that are registered, on up to ``workers`` jobs at once."""

    def __init__(
        self,
        jobs: Jobs,
        workers: int,
        *,
        look: float = 1.0,
        heartbeat: float = 10.0,
        lease: float = 60.0,
        drain: float = 10.0,
    ) -> None:
        """All in seconds. ``look``: between two looks at the queue. ``heartbeat``: between
        two renewals of a lease. ``drain``: that handlers are given to clean up at the end.
        """
        self._jobs = jobs
        self._workers = workers
        self._look = look
        self._heartbeat = heartbeat
        self._lease = timedelta(seconds=lease)
        self._drain_seconds = drain
        self._running: dict[tuple[str, int], _Running] = {}
        """By id and fence: a handler that lost its job may still clean up when it comes back."""
        self._renewed = 0.0

    async def run(self) -> None:
        """Work until cancelled; then give back what is held, so that others go on at once."""
        try:
            await forever("jobs", self._watch)
        finally:
            await self._drain()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._renewed = loop.time()
        while True:
            self._jobs.queued.clear()
            try:
                await self._tick()
            except Unavailable as error:
                log.warning("jobs have to wait: %s", error)
            if loop.time() - self._renewed > self._lease.total_seconds():
                # Others believe this process dead by now.
                self._end_all(_Stop.LOST)
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._look * random.uniform(0.8, 1.2)):  # noqa: S311
                await self._jobs.queued.wait()
        except TimeoutError:
            pass

    async def _tick(self) -> None:
        # A look, and renewing after it, take time in which a job may come to its end here.
        ours = set(self._running)
        view = await self._jobs.look()
        self._notice({job.id: job for job in view.running})
        await self._renew()
        for job in view.running:
            if (job.id, job.fence) not in ours and self._is_left_behind(job):
                await self._take_over(job)
        for job in view.to_cancel:
            await self._jobs.abandon(job, JobState.CANCELLED, "Cancelled before it began.")
        if view.due and len(self._running) < self._workers + GUESTS:
            held = [running.job for running in self._running.values()]
            for job in await self._jobs.claim(self._workers, self._lease, held):
                self._begin(job)

    def _notice(self, rows: dict[str, Job]) -> None:
        """End the handlers of jobs that were cancelled, or that another worker has."""
        for (job_id, fence), running in self._running.items():
            row = rows.get(job_id)
            if row is None or row.fence != fence:
                running.end(_Stop.LOST)
            elif row.cancel_requested:
                running.end(_Stop.CANCELLED)

    async def _renew(self) -> None:
        """Tell of progress, and from time to time that this process is alive."""
        loop = asyncio.get_running_loop()
        is_due = loop.time() - self._renewed >= self._heartbeat
        progress = {
            key: (running.bytes_done, running.bytes_total)
            for key, running in self._running.items()
            if is_due or running.told != (running.bytes_done, running.bytes_total)
        }
        if progress:
            await self._jobs.renew(progress, self._lease)
            for key, running in self._running.items():
                running.told = progress.get(key, running.told)
        if is_due or not self._running:
            self._renewed = loop.time()

    def _is_left_behind(self, job: Job) -> bool:
        assert job.lease_owner is not None
        assert job.lease_until is not None
        if job.lease_owner == self._jobs.owner:
            # Claimed by a transaction whose outcome this process did not learn.
            return True
        return is_gone(job.lease_owner) is True or job.lease_until < now()

    async def _take_over(self, job: Job) -> None:
        log.warning("job %s (%s) was left behind by %s", job.id, job.kind, job.lease_owner)
        if job.cancel_requested:
            await self._jobs.abandon(job, JobState.CANCELLED, "Cancelled.")
        elif job.kind in self._jobs.kinds and self._jobs.kinds[job.kind].is_last(job):
            reason = f"The process that worked on it died, in all of {job.attempts} attempts."
            await self._jobs.abandon(job, JobState.FAILED, reason)
        else:
            await self._jobs.give_back(job, "The process that worked on it died.")

    def _begin(self, job: Job) -> None:
        is_last = self._jobs.kinds[job.kind].is_last(job)
        running = _Running(job, self._jobs.database, is_last=is_last)
        self._running[job.id, job.fence] = running
        running.task = asyncio.create_task(self._carry_out(running), name=f"job {job.kind}")

    async def _carry_out(self, running: _Running) -> None:
        job = running.job
        context.current.set(who := context.of_job(job))
        try:
            with tracing.job(f"job {job.kind}", job.traceparent) as span:
                if span is not None:
                    known = who.known().items()
                    span.set_attributes({f"imagestore.{name}": value for name, value in known})
                outcome = await self._handle(running)
                running.recording = True
                await self._record(outcome)
        except LeaseLost:
            log.warning("job %s (%s) is another worker's by now", job.id, job.kind)
        except Exception:
            # Its lease runs out, and it is taken over.
            log.exception("what came of job %s (%s) could not be recorded", job.id, job.kind)
        finally:
            del self._running[job.id, job.fence]
            self._jobs.wake()

    async def _handle(self, running: _Running) -> Callable[[], Awaitable[object]]:
        """Run the handler; what is to be recorded then."""
        job, jobs = running.job, self._jobs
        try:
            completion = await jobs.kinds[job.kind].handler(running)
            return lambda: self._complete(job, completion)
        except LeaseLost:
            raise
        except (Exception, asyncio.CancelledError) as error:
            match running.stop:
                case _Stop.LOST:
                    raise LeaseLost(job.id) from error
                case _Stop.CANCELLED:
                    return lambda: self._abandon(job, JobState.CANCELLED, "Cancelled.")
                case _Stop.DRAINED:
                    return lambda: jobs.give_back(job, "Its node was stopped.", counts=False)
            return self._after_failure(job, error)

    def _after_failure(self, job: Job, error: BaseException) -> Callable[[], Awaitable[object]]:
        reason = _reason(error)
        if not isinstance(error, (ImagestoreError, StoreError)):
            log.error("job %s (%s) failed", job.id, job.kind, exc_info=error)
        pause = self._jobs.kinds[job.kind].pause_after(job, error)
        if pause is None:
            log.error("job %s (%s) is parked: %s", job.id, job.kind, reason)
            return lambda: self._abandon(job, JobState.FAILED, reason)
        log.warning("job %s (%s) is tried again in %.0f s: %s", job.id, job.kind, pause, reason)
        return lambda: self._jobs.give_back(job, reason, pause)

    async def _complete(self, job: Job, completion: Completion | None) -> None:
        await self._jobs.complete(job, completion)
        metrics.JOBS_ENDED.labels(job.kind, JobState.DONE.value).inc()

    async def _abandon(self, job: Job, state: JobState, message: str) -> None:
        if not await self._jobs.abandon(job, state, message):
            raise LeaseLost(job.id)
        metrics.JOBS_ENDED.labels(job.kind, state.value).inc()

    async def _record(self, outcome: Callable[[], Awaitable[object]]) -> None:
        """Write it down, when the database is back if it is away; while the lease lasts."""
        try:
            async with asyncio.timeout(self._lease.total_seconds()):
                while True:
                    try:
                        await outcome()
                        return
                    except Unavailable as error:
                        log.warning("the outcome of a job has to wait: %s", error)
                    await asyncio.sleep(self._look)
        except TimeoutError:
            raise LeaseLost from None

    def _end_all(self, why: _Stop) -> None:
        for running in self._running.values():
            running.end(why)

    async def _drain(self) -> None:
        self._end_all(_Stop.DRAINED)
        tasks = [running.task for running in self._running.values()]
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=self._drain_seconds)
            for task in left:
                task.cancel()


def _reason(error: BaseException) -> str:
    if isinstance(error, ImagestoreError):
        return error.message
    if isinstance(error, StoreError):
        return as_reason(error)
    return f"An unexpected error: {type(error).__name__}."
