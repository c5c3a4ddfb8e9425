"""Jobs on several real processes, which are killed, frozen and stopped while they work."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from imagestore.catalog.jobs import Jobs
from imagestore.database import journal
from imagestore.database.engine import Database
from imagestore.model.job import JobDraft, JobState
from tests.services import forks
from tests.workers import nodes as node
from tests.workers.nodes import LEASE, jobs_of

KINDS = ["embedded", "mariadb", "postgresql"]

forks.preload(node.__name__)

pytestmark = pytest.mark.parametrize("url", KINDS, indirect=True)


class Nodes:
    """Processes that work on jobs; ``host`` "" is this machine, any other is far away."""

    def __init__(self, url: str, file: Path) -> None:
        self.url = url
        self.file = file
        self.processes: list[ForkServerProcess] = []

    async def start(self, host: str = "") -> ForkServerProcess:
        ready, told = forks.context.Pipe(duplex=False)
        started = forks.context.Process(target=node.run, args=(self.url, host, self.file, told))
        with ready, told:
            await asyncio.to_thread(started.start)
            self.processes.append(started)
            told.close()  # so that its end is seen if it dies
            assert await asyncio.to_thread(ready.recv) == "ready"
        return started

    def begun(self) -> Counter[str]:
        """How often each job was begun."""
        return Counter(self.file.read_text().split()) if self.file.exists() else Counter()


@asynccontextmanager
async def nodes_on(url: str, file: Path) -> AsyncIterator[Nodes]:
    nodes = Nodes(url, file)
    try:
        yield nodes
    finally:
        for one in nodes.processes:
            one.kill()
            await asyncio.to_thread(one.join)


async def submit(jobs: Jobs, number: int, *steps: int) -> list[str]:
    drafts = [
        JobDraft(
            "append", {"steps": list(steps)}, project=f"p{n % 3}", unique=False, max_attempts=50
        )
        for n in range(number)
    ]
    return [(await jobs.submit(draft)).id for draft in drafts]


async def all_done(jobs: Jobs, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while set(await jobs.counts()) != {("append", JobState.DONE)}:
            await asyncio.sleep(0.05)


async def effects(database: Database) -> Counter[str]:
    return Counter(entry.image_id for entry in await database.read(journal.entries))


async def test_a_killed_process_of_this_machine(
    database: Database, url: str, tmp_path: Path
) -> None:
    jobs = jobs_of(database, "nobody")
    async with nodes_on(url, tmp_path / "log") as nodes:
        first = await nodes.start()
        [job_id] = await submit(jobs, 1, 1200, 1)
        while not nodes.begun():
            await asyncio.sleep(0.02)
        await nodes.start()
        first.kill()
        await all_done(jobs)
    job = await jobs.show(job_id)
    # Known to be dead, not only silent: the lease was not waited for.
    assert (job.attempts, job.fence) == (2, 2)
    assert nodes.begun() == {job_id: 2}
    assert await effects(database) == {job_id: 1}


async def test_a_process_that_is_stopped_gives_back(
    database: Database, url: str, tmp_path: Path
) -> None:
    jobs = jobs_of(database, "nobody")
    async with nodes_on(url, tmp_path / "log") as nodes:
        first = await nodes.start("far")
        [job_id] = await submit(jobs, 1, 1200)
        while not nodes.begun():
            await asyncio.sleep(0.02)
        first.terminate()
        await asyncio.to_thread(first.join)
        assert first.exitcode == 0
        job = await jobs.show(job_id)
        assert (job.state, job.attempts, job.lease_owner) == (JobState.QUEUED, 0, None)


async def test_a_process_that_was_frozen_has_lost_its_job(
    database: Database, url: str, tmp_path: Path
) -> None:
    jobs = jobs_of(database, "nobody")
    async with nodes_on(url, tmp_path / "log") as nodes:
        first = await nodes.start("one")
        [job_id] = await submit(jobs, 1, 100, 1)
        while not nodes.begun():
            await asyncio.sleep(0.02)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        await nodes.start("two")
        await all_done(jobs)
        # It goes on where it stood, and finds out sooner or later.
        os.kill(first.pid, signal.SIGCONT)
        await asyncio.sleep(1)
        first.terminate()
        await asyncio.to_thread(first.join)
    assert nodes.begun() == {job_id: 2}
    assert await effects(database) == {job_id: 1}
    assert (await jobs.show(job_id)).fence == 2


async def test_nodes_that_die_at_random(database: Database, url: str, tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    jobs = jobs_of(database, "nobody")
    async with nodes_on(url, tmp_path / "log") as nodes:
        alive = [await nodes.start(host) for host in ("one", "two", "")]
        ids = await submit(jobs, 24, 4)
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            number = chance.randrange(len(alive))
            alive[number].kill()
            alive[number] = await nodes.start(("one", "two", "")[number])
        await all_done(jobs, 60 + 10 * LEASE)
    assert set(nodes.begun()) == set(ids)
    assert await effects(database) == dict.fromkeys(ids, 1)
