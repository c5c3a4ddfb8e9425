"""A node that does nothing but work on jobs, in this process or in one of its own.

Its kind of job, ``append``, writes the job's id to a file, takes its time (``steps`` of 50 ms for
the first claim, the second …), and then records in the database that it was done.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from sqlalchemy import Connection

from imagestore.catalog.jobs import Completion, JobKind, Jobs, Work
from imagestore.config import settings
from imagestore.database import journal
from imagestore.database.engine import Database
from imagestore.supervisor import process_identity as process
from imagestore.workers.runner import JobRunner
from tests.database.samples import MOMENT

LEASE = 2.0


def jobs_of(database: Database, owner: str, **changes: int) -> Jobs:
    """The operations on jobs as a service has them."""
    return Jobs(database, settings.Jobs(**changes), owner)


@asynccontextmanager
async def working(jobs: Jobs, workers: int = 4, lease: float = LEASE) -> AsyncIterator[JobRunner]:
    """A runner that is quicker than in service; drained in the end."""
    runner = JobRunner(jobs, workers, look=0.05, heartbeat=lease / 4, lease=lease, drain=5)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def append(file: Path) -> Callable[[Work], object]:
    async def handler(work: Work) -> Completion:
        with file.open("a") as log:
            log.write(f"{work.job.id}\n")
        steps = work.job.payload["steps"]
        for step in range(steps[min(work.job.fence, len(steps)) - 1]):
            work.progress(step)
            await asyncio.sleep(0.05)
        return done(work.job.id)

    return handler


def done(job_id: str) -> Completion:
    """A row of the journal for each time that it is believed."""

    def record(conn: Connection) -> None:
        journal.open_upload(conn, journal.new_entry(), job_id, "done", "done", MOMENT)

    return record


def run(url: str, host: str, file: Path, ready: Pipe) -> None:
    """Work until SIGTERM, and say on ``ready`` when that begins.

    ``host`` is told in the name of the node; "" is this machine.
    """
    asyncio.run(_main(url, host, file, ready))


async def _main(url: str, host: str, file: Path, ready: Pipe) -> None:
    owner = process.identity()
    if host:
        owner = "/".join([host, *owner.split("/")[1:]])
    database = Database(settings.Database(url))
    await database.open()
    jobs = jobs_of(database, owner)
    jobs.register(JobKind("append", append(file)))  # type: ignore[arg-type]
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with working(jobs, 2):
        ready.send("ready")
        await ending.wait()
    await database.close()
