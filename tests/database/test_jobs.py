"""The queue: what is in it, who is next, and that one job is there once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from imagestore.database import jobs, leases
from imagestore.database.engine import Database
from imagestore.database.leases import Limits, Room
from imagestore.model.errors import Conflict
from imagestore.model.job import Job, JobDraft, JobState
from tests.database.samples import MOMENT

SECOND = timedelta(seconds=1)
UNTIL = MOMENT + timedelta(minutes=1)
NO_LIMITS = Limits()


async def queue(database: Database, kind: str = "copy", **attributes: Any) -> str:
    draft = JobDraft(kind, **{"unique": False, **attributes})
    job_id, _ = await database.write(jobs.enqueue, draft, MOMENT)
    return job_id


async def claim(
    database: Database,
    number: int = 1,
    *,
    owner: str = "me",
    kinds: tuple[str, ...] = ("copy", "move"),
    limits: Limits = NO_LIMITS,
    moment: Any = MOMENT,
    room: Room | None = None,
) -> list[Job]:
    room = room or Room(number, kept=0)
    return await database.write(leases.claim, owner, kinds, room, limits, moment, UNTIL)


async def get(database: Database, job_id: str) -> Job:
    job = await database.read(jobs.get, job_id)
    assert job is not None
    return job


async def test_what_is_queued_is_read(database: Database) -> None:
    payload = {
        "url": "https://example.org/\U0001f4be",
        "deep": {"list": [1, None]},
        "big": "x" * 70_000,
    }
    draft = JobDraft("import", payload, "image", "store", "one", 3, MOMENT + SECOND / 4)
    job_id, is_new = await database.write(jobs.enqueue, draft, MOMENT)
    assert is_new
    assert await get(database, job_id) == Job(
        job_id, "import", "image", "store", "one", payload, JobState.QUEUED, 0, 3, 0, None, None,
        MOMENT + SECOND / 4, False, None, None, 0, MOMENT, MOMENT,
    )  # fmt: skip
    assert await database.read(jobs.get, "unknown") is None


async def test_one_active_job_of_a_key(database: Database) -> None:
    draft = JobDraft("copy", image_id="i", target="s")
    first, *others = await asyncio.gather(
        *(database.write(jobs.enqueue, draft, MOMENT) for _ in range(8))
    )
    assert {job_id for job_id, _ in others} == {first[0]}
    assert sum(is_new for _, is_new in (first, *others)) == 1
    for other in (JobDraft("copy", image_id="i", target="t"), JobDraft("move", image_id="i")):
        assert (await database.write(jobs.enqueue, other, MOMENT))[1]
    [job] = [one for one in await claim(database, 9) if one.id == first[0]]
    assert not (await database.write(jobs.enqueue, draft, MOMENT))[1]
    assert await database.write(leases.end, job, JobState.DONE, None, MOMENT)
    assert (await database.write(jobs.enqueue, draft, MOMENT))[1]


async def test_projects_are_served_in_turn(database: Database) -> None:
    much = [await queue(database, project="much") for _ in range(6)]
    assert [job.id for job in await claim(database, 2)] == much[:2]
    little = [await queue(database, project="little") for _ in range(2)]
    nobody = await queue(database)
    served = [(await claim(database))[0].id for _ in range(6)]
    assert set(served[:3]) == {much[2], little[0], nobody}
    assert set(served[3:5]) == {much[3], little[1]}
    assert served[5] == much[4]


async def test_kinds_are_served_in_turn(database: Database) -> None:
    much = [await queue(database, project="one") for _ in range(6)]
    assert [job.id for job in await claim(database, 2)] == much[:2]
    other = await queue(database, "move", project="one")
    again = await queue(database, "move", project="one")
    served = [(await claim(database))[0].id for _ in range(4)]
    assert set(served[:2]) == {much[2], other}
    assert set(served[2:]) == {much[3], again}


async def test_one_worker_is_kept_for_what_is_awaited(database: Database) -> None:
    """Jobs of other kinds, however many, and those of one project, take all the rest."""
    for _ in range(6):
        await queue(database, "move", project="one")
    awaited = frozenset({"copy"})
    background = await claim(database, room=Room(4, (), awaited))
    assert [job.kind for job in background] == ["move"] * 3
    assert await claim(database, room=Room(4, background, awaited)) == []
    mine = await queue(database, project="one")
    assert [job.id for job in await claim(database, room=Room(4, background, awaited))] == [mine]
    # The second node has nothing but what is awaited, most of it of one project.
    for _ in range(6):
        await queue(database, project="one")
    theirs = await queue(database, project="two")
    nobodys = await queue(database)
    both = await claim(database, kinds=("copy",), room=Room(5, (), awaited))
    assert sum(job.project == "one" for job in both) == 3
    assert {theirs, nobodys} < {job.id for job in both}
    held = [job for job in both if job.project == "one"]
    left = await claim(database, kinds=("copy",), room=Room(4, held, awaited))
    assert [job.project for job in left] == []
    # Who has one worker has no other to keep.
    assert [job.kind for job in await claim(database, kinds=("move",), room=Room(1))] == ["move"]


async def test_two_projects_leave_a_worker_to_a_third(database: Database) -> None:
    """However much they have queued, and however long that takes: and to a fourth, no more."""
    awaited = frozenset({"copy"})
    held: list[Job] = []
    for project, expected in (("one", 3), ("two", 1), ("three", 1), ("four", 1), ("five", 0)):
        for _ in range(6):
            await queue(database, project=project)
        got = await claim(database, kinds=("copy",), room=Room(4, held, awaited))
        assert [job.project for job in got] == [project] * expected
        held += got
    # What runs on another node counts: one, two, three and four have something.
    assert [job.project for job in await claim(database, room=Room(1, held[:1], awaited))] == [
        "five"
    ]
    assert await claim(database, room=Room(0, (), awaited)) == []
    # Nor does anybody become a guest with what nobody waits for.
    await queue(database, "move", project="six")
    assert await claim(database, room=Room(1, held[:1], awaited)) == []


async def test_a_job_that_is_to_wait_makes_no_one_else_wait(database: Database) -> None:
    later = await queue(database, not_before=MOMENT + SECOND)
    for _ in range(3):
        await queue(database, project="much")
    await claim(database, 2)
    # Its turn is not the first of the whole queue, which would put it before all others.
    late = await queue(database, project="new")
    assert {job.id for job in await claim(database, 9)} >= {late}
    assert [job.id for job in await claim(database, moment=MOMENT + SECOND)] == [later]


async def test_of_many_workers_each_claims_others(database: Database) -> None:
    queued = {await queue(database) for _ in range(12)}
    claims = await asyncio.gather(*(claim(database, 2, owner=str(n)) for n in range(8)))
    claimed = [job.id for jobs_ in claims for job in jobs_]
    assert len(claimed) == len(set(claimed))
    claimed += [job.id for job in await claim(database, 12)]
    assert set(claimed) == queued


async def test_limits_hold_however_many_claim_at_once(database: Database) -> None:
    for number in range(6):
        await queue(database, target="slow")
        await queue(database, "move", target=f"store {number}")
    limits = Limits({"move": 2}, per_target=3)
    claims = await asyncio.gather(
        *(claim(database, 5, owner=str(n), limits=limits) for n in range(6))
    )
    claimed = [job for jobs_ in claims for job in jobs_]
    assert sum(job.kind == "move" for job in claimed) == 2
    assert sum(job.target == "slow" for job in claimed) == 3
    [ended, *_] = [job for job in claimed if job.kind == "move"]
    await database.write(leases.end, ended, JobState.DONE, None, MOMENT)
    assert [job.kind for job in await claim(database, 5, limits=limits)] == ["move"]


async def test_a_claim_counts(database: Database) -> None:
    job_id = await queue(database)
    [job] = await claim(database)
    assert (job.state, job.attempts, job.fence) == (JobState.RUNNING, 1, 1)
    assert (job.lease_owner, job.lease_until) == ("me", UNTIL)
    assert await database.write(leases.give_back, job, "why", MOMENT, MOMENT + SECOND)
    back = await get(database, job_id)
    assert (back.state, back.attempts, back.message) == (JobState.QUEUED, 1, "why")
    assert (back.lease_owner, back.lease_until) == (None, None)
    assert await claim(database) == []
    [again] = await claim(database, moment=MOMENT + SECOND)
    assert (again.attempts, again.fence) == (2, 2)
    assert await database.write(leases.give_back, again, None, MOMENT, MOMENT, counts=False)
    assert (await get(database, job_id)).attempts == 1


async def test_who_has_lost_a_job_changes_nothing(database: Database) -> None:
    job_id = await queue(database)
    [old] = await claim(database, owner="old")
    await database.write(leases.give_back, old, None, MOMENT, MOMENT)
    [new] = await claim(database, owner="new")
    assert not await database.write(leases.holds, old)
    assert not await database.write(leases.end, old, JobState.DONE, None, MOMENT)
    assert not await database.write(leases.give_back, old, None, MOMENT, MOMENT)
    await database.write(leases.renew, {(old.id, old.fence): (5, 9)}, MOMENT, UNTIL + SECOND)
    job = await get(database, job_id)
    assert (job.lease_until, job.bytes_done) == (UNTIL, 0)
    assert await database.write(leases.holds, new)
    await database.write(leases.renew, {(new.id, new.fence): (5, 9)}, MOMENT, UNTIL + SECOND)
    job = await get(database, job_id)
    assert (job.lease_until, job.bytes_done, job.bytes_total) == (UNTIL + SECOND, 5, 9)
    assert await database.write(leases.end, new, JobState.DONE, None, MOMENT)
    assert not await database.write(leases.end, new, JobState.DONE, None, MOMENT)


async def test_a_look(database: Database) -> None:
    kinds = ("copy",)
    view = await database.read(leases.look, kinds, MOMENT)
    assert (view.due, list(view.running), list(view.to_cancel)) == (False, [], [])
    waiting = await queue(database, not_before=MOMENT + SECOND)
    await queue(database, "of another kind")
    assert not (await database.read(leases.look, kinds, MOMENT)).due
    assert (await database.read(leases.look, kinds, MOMENT + SECOND)).due
    [running] = await claim(database, kinds=("of another kind",))
    assert await database.write(jobs.request_cancel, waiting, MOMENT)
    view = await database.read(leases.look, kinds, MOMENT + SECOND)
    assert list(view.running) == [running]
    assert [job.id for job in view.to_cancel] == [waiting]
    assert await claim(database, moment=MOMENT + SECOND) == []
    assert await database.write(leases.end, view.to_cancel[0], JobState.CANCELLED, "x", MOMENT)
    assert not await database.write(jobs.request_cancel, waiting, MOMENT)


async def test_a_parked_job_is_retried(database: Database) -> None:
    draft = JobDraft("copy", image_id="i")
    job_id, _ = await database.write(jobs.enqueue, draft, MOMENT)
    assert not await database.write(jobs.retry, job_id, MOMENT)
    [job] = await claim(database)
    await database.write(leases.end, job, JobState.FAILED, "why", MOMENT)
    assert await database.write(jobs.retry, job_id, MOMENT)
    job = await get(database, job_id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert not (await database.write(jobs.enqueue, draft, MOMENT))[1]
    [job] = await claim(database)
    await database.write(leases.end, job, JobState.FAILED, "why", MOMENT)
    await database.write(jobs.enqueue, draft, MOMENT)
    with pytest.raises(Conflict, match="Another job"):
        await database.write(jobs.retry, job_id, MOMENT)


async def test_lists_and_counts(database: Database) -> None:
    first = await queue(database, image_id="i", project="one")
    second = await queue(database, "move", image_id="i", project="two")
    [job] = await claim(database, kinds=("copy",))
    await database.write(leases.end, job, JobState.DONE, None, MOMENT)

    async def listed(**how: Any) -> set[str]:
        return {job.id for job in await database.read(jobs.select_jobs, **how)}

    assert await listed() == {first, second}
    assert await listed(states=[JobState.DONE]) == {first}
    assert await listed(kind="move") == {second}
    assert await listed(project="one") == {first}
    assert await listed(image_id="i") == {first, second}
    assert len(await listed(limit=1)) == 1
    assert await database.read(jobs.counts) == {
        ("copy", JobState.DONE): 1,
        ("move", JobState.QUEUED): 1,
    }
    assert await database.read(jobs.tally, MOMENT + SECOND) == {
        ("move", JobState.QUEUED): (1, MOMENT)
    }
    assert await database.read(jobs.tally, MOMENT - SECOND) == {
        ("move", JobState.QUEUED): (1, None)
    }
    assert await database.write(jobs.remove_ended, MOMENT, 10) == 0
    assert await database.write(jobs.remove_ended, MOMENT + SECOND, 10) == 1
    assert await listed() == {second}
