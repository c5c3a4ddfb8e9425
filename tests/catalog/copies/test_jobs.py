"""Copies that a rule and a user ask for."""

from __future__ import annotations

from datetime import timedelta

from imagestore.catalog.copies.placement import COPY, draft_of
from imagestore.catalog.jobs import Work
from imagestore.database import jobs, leases
from imagestore.model.clock import now
from imagestore.model.job import JobState
from tests.catalog.conftest import House


async def test_a_user_asks_for_what_no_rule_wants_any_more(house: House) -> None:
    """His wish is not lost with the job of the rule that is about to end."""
    image = await house.active()
    catalog, database = house.catalog, house.database
    await database.write(jobs.enqueue, draft_of(image, "file2", "a rule that is gone"), now())
    until = now() + timedelta(minutes=1)
    [job] = await database.write(
        leases.claim, "a worker", [COPY], leases.Room(2), leases.Limits(), now(), until
    )
    completion = await catalog.copy_jobs._run(Work(job, database))
    asked = await catalog.copy_jobs.start(image.id, "file2")
    assert asked.id == job.id  # there is one already, and it is not over
    await catalog.jobs.complete(job, completion)
    [again] = [each for each in await catalog.jobs.list(kind=COPY) if each.id != job.id]
    assert (again.state, again.payload, again.target) == (JobState.QUEUED, {}, "file2")
