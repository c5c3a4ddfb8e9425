"""Two writers at different nodes of a Galera cluster, which know nothing of each other's locks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection, make_url
from sqlalchemy.util import await_only

from imagestore.catalog.quotas import Limit
from imagestore.database import images, journal, leases, quotas
from imagestore.database import jobs as job_rows
from imagestore.database.engine import Database
from imagestore.database.leases import Limits, Room
from imagestore.model.errors import ImagestoreError, OverLimit, Unavailable
from imagestore.model.image import ImageStatus
from imagestore.model.job import Job, JobDraft, JobState
from tests.database import samples
from tests.database.samples import MOMENT
from tests.services import mariadb
from tests.services.galera import Galera, galera_cluster

__all__ = ["galera_cluster"]

T = TypeVar("T")
NO_LIMITS = Limits()
UNTIL = MOMENT + timedelta(minutes=1)


@pytest.fixture
async def nodes(galera_cluster: Galera) -> AsyncIterator[tuple[Database, Database]]:
    """The same tables by two nodes."""
    name = str(make_url(galera_cluster.fresh()).database)
    first, second, _ = galera_cluster.nodes
    async with samples.opened(first.url(name)) as one, samples.opened(second.url(name)) as other:
        yield one, other


async def together(
    nodes: tuple[Database, Database], *operations: Callable[[Connection], T]
) -> list[T | ImagestoreError]:
    """What comes of two transactions, of which none commits before both have done their work."""
    barrier = asyncio.Barrier(2)

    async def run(node: Database, operation: Callable[[Connection], T]) -> T | ImagestoreError:
        attempts = 0

        def meeting(conn: Connection) -> T:
            nonlocal attempts
            attempts += 1
            result = operation(conn)
            if attempts == 1:
                await_only(barrier.wait())
            return result

        try:
            return await node.write(meeting)
        except ImagestoreError as error:
            return error

    async with asyncio.timeout(30):
        return await asyncio.gather(*map(run, nodes, operations))


async def test_a_quota_is_not_passed(nodes: tuple[Database, Database]) -> None:
    limit = Limit("user_storage_quota", 10, quotas.held_total)

    def reserve(conn: Connection) -> None:
        limit.require(conn, "one", 10)
        entry = journal.new_entry()
        journal.open_upload(conn, entry, journal.new_entry(), "file1", "node", MOMENT)
        quotas.reserve(conn, entry, "one", 10)

    for _ in range(3):
        outcomes = await together(nodes, reserve, reserve)
        assert await nodes[0].read(quotas.held_total, "one") == 10, outcomes
        assert sum(isinstance(one, OverLimit) for one in outcomes) == 1
        for entry in await nodes[0].read(journal.entries):
            await nodes[0].write(journal.close, entry.id)


def claim(conn: Connection, kind: str = "move", limits: Limits = NO_LIMITS) -> list[Job]:
    return leases.claim(conn, "node", (kind,), Room(1), limits, MOMENT, UNTIL)


async def test_a_job_is_leased_once(nodes: tuple[Database, Database]) -> None:
    await nodes[0].write(job_rows.enqueue, JobDraft("move"), MOMENT)
    claimed = await together(nodes, claim, claim)
    assert sorted(len(some) for some in claimed if isinstance(some, list)) == [0, 1]


async def test_no_more_jobs_run_than_may(nodes: tuple[Database, Database]) -> None:
    """They are different jobs, of one target."""
    limits = Limits(per_target=1)
    await nodes[0].write(claim, limits=limits)  # the gate is there
    for kind in ("move", "copy"):
        await nodes[0].write(job_rows.enqueue, JobDraft(kind, target="store"), MOMENT)
    claimed = await together(
        nodes, lambda conn: claim(conn, "move", limits), lambda conn: claim(conn, "copy", limits)
    )
    assert sorted(len(some) for some in claimed if isinstance(some, list)) == [0, 1]


async def test_an_upload_that_ends_and_a_deletion(nodes: tuple[Database, Database]) -> None:
    image = samples.image(status=ImageStatus.SAVING)
    await nodes[0].write(images.insert, image)

    def to(status: ImageStatus) -> Callable[[Connection], object]:
        return lambda conn: images.transition(
            conn, image.id, {ImageStatus.SAVING}, status, updated_at=MOMENT
        )

    outcomes = await together(nodes, to(ImageStatus.ACTIVE), to(ImageStatus.PENDING_DELETE))
    assert sum(one is True for one in outcomes) == 1, outcomes


async def test_what_is_asked_under_the_lock_of_an_image(nodes: tuple[Database, Database]) -> None:
    """Two who write different rows of an image: the second sees what the first has done."""
    image = samples.image(min_ram=7)
    await nodes[0].write(images.insert, image)

    def note(conn: Connection) -> int:
        images.lock(conn, image.id)
        before = len(journal.entries(conn))
        journal.open_copy(conn, journal.new_entry(), image.id, "file1", "node", MOMENT)
        return before

    assert sorted(await together(nodes, note, note)) == [0, 1]  # type: ignore[type-var]
    row = await nodes[0].read(images.get, image.id)
    assert row is not None
    assert row.image.min_ram == 7


async def test_a_worker_whose_job_is_taken_over(nodes: tuple[Database, Database]) -> None:
    """It has written before that, where who takes over sees it, or it writes nothing."""
    for _ in range(4):  # of these, either may be the first
        await nodes[0].write(job_rows.enqueue, JobDraft("move"), MOMENT)
        [job] = await nodes[0].write(claim)
        entry = journal.new_entry()

        def work(conn: Connection, job: Job = job, entry: str = entry) -> bool:
            if held := leases.holds(conn, job):
                journal.open_copy(conn, entry, "image", "file1", "node", MOMENT)
            return held

        def take_over(conn: Connection, job: Job = job, entry: str = entry) -> bool:
            leases.give_back(conn, job, None, MOMENT, MOMENT)
            return journal.is_open(conn, entry)

        worked, seen = await together(nodes, work, take_over)
        assert worked is seen
        [again] = await nodes[0].write(claim)
        assert await nodes[0].write(leases.end, again, JobState.DONE, None, MOMENT)


def connection_id(conn: Connection) -> object:
    return conn.exec_driver_sql("SELECT CONNECTION_ID()").scalar()


async def test_a_node_that_is_out_of_its_cluster(galera_cluster: Galera) -> None:
    """Its connections are of no use, and are not kept: a new one may meet another node."""
    node = galera_cluster.nodes[0]
    name = str(make_url(galera_cluster.fresh()).database)
    async with samples.opened(node.url(name)) as database:
        before = await database.select(connection_id)
        mariadb.execute(node.port, "SET GLOBAL wsrep_reject_queries = ALL")
        try:
            with pytest.raises(Unavailable):
                await database.select(images.get, "any")
        finally:
            mariadb.execute(node.port, "SET GLOBAL wsrep_reject_queries = NONE")
        assert await database.select(connection_id) != before
