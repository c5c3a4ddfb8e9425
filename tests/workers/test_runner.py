"""What becomes of a job in the hands of one runner, or of two in one process."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.catalog import jobs as kinds
from imagestore.catalog.jobs import Completion, GiveUp, JobKind, Jobs, LeaseLost, Work
from imagestore.database import events, images, leases
from imagestore.database import jobs as rows
from imagestore.database.engine import Database
from imagestore.model.errors import Conflict, Invalid, NotFound, Unavailable
from imagestore.model.job import Job, JobDraft, JobState
from imagestore.observing import metrics
from imagestore.observing.logs import JsonFormatter
from imagestore.supervisor import process_identity as process
from imagestore.workers import runner
from tests.database.samples import MOMENT, image
from tests.workers.nodes import jobs_of, working

FAR = "elsewhere/boot/1/1/1"
"""A process of another machine."""


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return jobs_of(database, process.identity())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt need not be waited for."""
    monkeypatch.setattr(kinds, "FIRST_PAUSE", 0.0)


async def until(jobs: Jobs, job: Job, holds: Callable[[Job], Any]) -> Job:
    async with asyncio.timeout(30):
        while not holds(found := await jobs.show(job.id)):
            await asyncio.sleep(0.02)
    return found


async def ended(jobs: Jobs, job: Job) -> Job:
    return await until(jobs, job, lambda found: found.state not in ("queued", "running"))


async def test_a_job_is_done_with_what_it_records(jobs: Jobs, database: Database) -> None:
    made = image()

    async def make(work: Work) -> Completion:
        assert work.job.payload == {"a": 1}
        work.progress(7, 10)
        return lambda conn: images.insert(conn, made)

    jobs.register(JobKind("make", make))
    async with working(jobs):
        job = await ended(jobs, await jobs.submit(JobDraft("make", {"a": 1})))
    assert (job.state, job.message) == (JobState.DONE, None)
    assert await database.read(images.get, made.id) is not None


async def test_a_job_that_ends_during_a_look_is_not_left_behind(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What a look has seen running may be done when it is gone through."""
    go_on, look = asyncio.Event(), jobs.look

    async def wait(work: Work) -> None:
        await go_on.wait()

    async def look_back() -> leases.View:
        view = await look()
        if view.running:
            go_on.set()
            await ended(jobs, view.running[0])
            await asyncio.sleep(0)  # the runner learns of it
        return view

    jobs.register(JobKind("wait", wait))
    monkeypatch.setattr(jobs, "look", look_back)
    async with working(jobs):
        job = await ended(jobs, await jobs.submit(JobDraft("wait")))
    assert (job.state, job.attempts) == (JobState.DONE, 1)
    assert "left behind" not in caplog.text


async def test_progress_is_seen_and_the_lease_renewed(jobs: Jobs) -> None:
    go_on = asyncio.Event()

    async def slow(work: Work) -> None:
        work.progress(3, 9)
        await go_on.wait()

    jobs.register(JobKind("slow", slow))
    async with working(jobs, lease=0.6):
        job = await jobs.submit(JobDraft("slow"))
        first = await until(jobs, job, lambda found: found.bytes_done == 3)
        assert first.bytes_total == 9
        assert first.lease_until is not None
        second = await until(jobs, job, lambda found: found.lease_until > first.lease_until)
        assert second.fence == 1
        go_on.set()
        await ended(jobs, job)


@pytest.mark.parametrize(
    ("error", "attempts", "reason"),
    [
        (Unavailable("no answer"), 3, "no answer"),
        (store_errors.Unavailable("/secret/path"), 3, "A store failed: Unavailable."),
        (RuntimeError("secret"), 3, "An unexpected error: RuntimeError."),
        (GiveUp("hopeless"), 1, "hopeless"),
        (Invalid("wrong"), 1, "wrong"),
    ],
    ids=repr,
)
async def test_a_job_that_fails_is_parked(
    jobs: Jobs, error: Exception, attempts: int, reason: str
) -> None:
    abandoned: list[Job] = []

    async def fail(work: Work) -> None:
        raise error

    def clean_up(conn: Connection, job: Job) -> None:
        assert rows.get(conn, job.id).state is JobState.FAILED  # type: ignore[union-attr]
        abandoned.append(job)

    jobs.register(JobKind("fail", fail, clean_up))
    async with working(jobs):
        job = await ended(jobs, await jobs.submit(JobDraft("fail", max_attempts=3)))
        assert (job.state, job.attempts, job.message) == (JobState.FAILED, attempts, reason)
        assert {one.id for one in abandoned} == {job.id}
        again = await ended(jobs, await jobs.retry(job.id))
        assert (again.state, again.attempts) == (JobState.FAILED, attempts)
    with pytest.raises(Conflict, match="ended already"):
        await jobs.cancel(job.id)


async def test_a_job_that_fails_at_first(jobs: Jobs) -> None:
    async def at_last(work: Work) -> None:
        if work.job.attempts < 3:
            raise Unavailable("not yet")

    jobs.register(JobKind("at_last", at_last))
    async with working(jobs):
        job = await ended(jobs, await jobs.submit(JobDraft("at_last")))
    assert (job.state, job.attempts) == (JobState.DONE, 3)


async def test_a_running_job_is_cancelled(jobs: Jobs) -> None:
    begun, cleaned = asyncio.Event(), asyncio.Event()
    abandoned: list[str] = []

    async def slow(work: Work) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    jobs.register(JobKind("slow", slow, lambda _, job: abandoned.append(job.id)))
    async with working(jobs):
        job = await jobs.submit(JobDraft("slow"))
        await begun.wait()
        await jobs.cancel(job.id)
        assert (await ended(jobs, job)).state is JobState.CANCELLED
    assert cleaned.is_set()
    assert set(abandoned) == {job.id}


async def test_a_waiting_job_is_cancelled(jobs: Jobs) -> None:
    async def never(work: Work) -> None:
        raise AssertionError("was begun")

    jobs.register(JobKind("never", never))
    job = await jobs.submit(JobDraft("never"))
    await jobs.cancel(job.id)
    async with working(jobs):
        assert (await ended(jobs, job)).state is JobState.CANCELLED


async def test_a_job_that_is_taken_away_has_no_effect(jobs: Jobs, database: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    outcomes: list[object] = []
    written, returned = image(), image()

    async def stubborn(work: Work) -> Completion | None:
        if work.job.fence > 1:
            return None
        begun.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                outcomes.append("cancelled")
        try:
            await work.write(images.insert, written)
        except LeaseLost:
            outcomes.append("lost")
        return lambda conn: images.insert(conn, returned)

    jobs.register(JobKind("stubborn", stubborn))
    async with working(jobs):
        job = await jobs.submit(JobDraft("stubborn"))
        await begun.wait()
        # As another node does that believes this one dead.
        mine = await jobs.show(job.id)
        assert await jobs.give_back(mine, "taken")
        await until(jobs, job, lambda found: "cancelled" in outcomes)
        go_on.set()
        found = await ended(jobs, job)
    assert outcomes == ["cancelled", "lost"]
    assert (found.state, found.fence) == (JobState.DONE, 2)
    for made in (written, returned):
        assert await database.read(images.get, made.id) is None


async def test_what_is_held_is_given_back_at_the_end(jobs: Jobs) -> None:
    begun = asyncio.Event()

    async def slow(work: Work) -> None:
        begun.set()
        await asyncio.sleep(60)

    jobs.register(JobKind("slow", slow))
    async with working(jobs):
        job = await jobs.submit(JobDraft("slow"))
        await begun.wait()
    job = await jobs.show(job.id)
    assert (job.state, job.attempts, job.lease_owner) == (JobState.QUEUED, 0, None)


@pytest.mark.parametrize(("attempts", "state"), [(5, JobState.DONE), (1, JobState.FAILED)])
async def test_a_job_of_a_silent_machine(
    jobs: Jobs, database: Database, attempts: int, state: JobState
) -> None:
    async def quick(work: Work) -> None:
        pass

    jobs.register(JobKind("quick", quick))
    far = jobs_of(database, FAR)
    far.register(JobKind("quick", quick))
    job = await jobs.submit(JobDraft("quick", max_attempts=attempts))
    await far.claim(1, runner.timedelta(seconds=0.5))
    async with working(jobs):
        job = await ended(jobs, job)
    assert job.state is state
    assert "died" in (job.message or "") or state is JobState.DONE


async def test_limits_of_the_configuration(database: Database) -> None:
    at_once = most = 0

    async def count(work: Work) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1

    both = [jobs_of(database, owner, per_target=1) for owner in (process.identity(), FAR)]
    for one in both:
        one.register(JobKind("count", count))
    async with working(both[0]), working(both[1]):
        submitted = [
            await both[0].submit(JobDraft("count", target="store", unique=False)) for _ in range(6)
        ]
        for job in submitted:
            assert (await ended(both[0], job)).state is JobState.DONE
    assert most == 1


async def test_a_database_that_goes_away_meanwhile(
    jobs: Jobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    failures = 0

    async def slow(work: Work) -> None:
        begun.set()
        await go_on.wait()

    async def refuse(*_: object) -> None:
        nonlocal failures
        failures += 1
        raise Unavailable("away")

    jobs.register(JobKind("slow", slow))
    async with working(jobs, lease=5):
        job = await jobs.submit(JobDraft("slow"))
        await begun.wait()
        with monkeypatch.context() as patched:
            patched.setattr(database, "write", refuse)
            patched.setattr(database, "read", refuse)
            go_on.set()
            while failures < 6:
                await asyncio.sleep(0.01)
        job = await ended(jobs, job)
    assert (job.state, job.attempts) == (JobState.DONE, 1)


async def test_a_runner_that_fails_is_started_again(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def quick(work: Work) -> None:
        pass

    async def fail() -> None:
        monkeypatch.undo()
        raise RuntimeError("a mistake")

    jobs.register(JobKind("quick", quick))
    monkeypatch.setattr(jobs, "look", fail)
    async with working(jobs):
        assert (await ended(jobs, await jobs.submit(JobDraft("quick")))).state is JobState.DONE


async def test_what_a_job_tells_names_it(
    jobs: Jobs,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter())
    image_id = str(uuid.uuid4())

    async def fail(work: Work) -> None:
        await database.write(events.record, "image.update", image_id=image_id)
        logging.getLogger("imagestore").warning("on the way")
        raise Invalid("no")

    jobs.register(JobKind("fail", fail))
    async with working(jobs):
        job = await ended(jobs, await jobs.submit(JobDraft("fail", {}, image_id, project="red")))
    told = [json.loads(line) for line in caplog.text.splitlines()]
    who = {"job_id": job.id, "job_kind": "fail", "image_id": image_id, "project_id": "red"}
    lines = [one for one in told if who.items() <= one.items()]
    assert lines[0]["message"] == "on the way"
    assert any("is parked" in one["message"] for one in lines)
    found = await database.read(events.select_after, 0, 100)
    assert {one.document.get("job_kind"): one.document.get("by") for one in found}[None] == who


async def test_what_has_ended_is_counted(jobs: Jobs) -> None:
    async def quick(work: Work) -> None:
        pass

    jobs.register(JobKind("counted", quick))
    counted = metrics.JOBS_ENDED.labels("counted", "done")
    before = counted._value.get()
    async with working(jobs):
        await ended(jobs, await jobs.submit(JobDraft("counted")))
    assert counted._value.get() == before + 1


async def test_what_is_not_there(jobs: Jobs) -> None:
    for operation in (jobs.show, jobs.cancel, jobs.retry):
        with pytest.raises(NotFound):
            await operation("unknown")


async def test_a_queue_full_of_background_work_delays_no_import(jobs: Jobs) -> None:
    """Hundreds of jobs that take for ever; what is awaited is done all the same."""
    begun: list[str] = []

    async def patrol(work: Work) -> None:
        begun.append(work.job.id)
        await asyncio.Event().wait()

    async def bring_in(work: Work) -> None:
        pass

    jobs.register(JobKind("patrol", patrol))
    jobs.register(JobKind("import", bring_in, awaited=True))

    def fill(conn: Connection) -> None:
        for _ in range(300):
            rows.enqueue(conn, JobDraft("patrol", project="one", unique=False), runner.now())

    await jobs.database.write(fill)
    async with working(jobs):
        async with asyncio.timeout(30):
            while len(begun) < 3:
                await asyncio.sleep(0.02)
        for project in ("one", "two", None):
            job = await jobs.submit(JobDraft("import", project=project))
            assert (await ended(jobs, job)).state is JobState.DONE
    assert len(begun) == 3


async def test_a_project_that_keeps_its_imports_going_leaves_a_worker(jobs: Jobs) -> None:
    async def bring_in(work: Work) -> None:
        if work.job.project == "hostile":
            await asyncio.Event().wait()

    jobs.register(JobKind("import", bring_in, awaited=True))
    async with working(jobs):
        slow = [
            await jobs.submit(JobDraft("import", project="hostile", unique=False))
            for _ in range(20)
        ]
        await until(jobs, slow[2], lambda found: found.state is JobState.RUNNING)
        for _ in range(3):
            job = await jobs.submit(JobDraft("import", project="two"))
            assert (await ended(jobs, job)).state is JobState.DONE
        assert (await jobs.show(slow[3].id)).state is JobState.QUEUED


@pytest.mark.parametrize("end", ["done", "failed", "cancelled", "died"])
async def test_what_comes_again_is_queued_however_it_ended(jobs: Jobs, end: str) -> None:
    begun = asyncio.Event()

    async def work(_: Work) -> None:
        begun.set()
        if end == "cancelled":
            await asyncio.Event().wait()
        if end == "failed":
            raise Unavailable("as always")

    every = timedelta(hours=1)
    jobs.register(JobKind("again", work, attempts=1 if end == "died" else 2, every=every))
    first = await jobs.submit(JobDraft("again", {"what": "it was for"}, target="there"))
    if end == "died":
        gone = jobs_of(jobs.database, FAR)
        gone.register(jobs.kinds["again"])
        await gone.claim(1, timedelta())
    async with working(jobs):
        if end == "cancelled":
            await begun.wait()
            await jobs.cancel(first.id)
        assert (await ended(jobs, first)).state == ("failed" if end == "died" else end)
    (following,) = await jobs.list(states=[JobState.QUEUED])
    assert (following.kind, following.target) == ("again", "there")
    assert following.payload == {"what": "it was for"}
    assert following.not_before - following.created_at == every


async def test_a_completion_may_say_when_it_comes_again(jobs: Jobs) -> None:
    async def work(work: Work) -> Completion:
        def follow(conn: Connection) -> None:
            rows.enqueue(conn, JobDraft("again", {"told": "by the completion"}), MOMENT)

        return follow

    jobs.register(JobKind("again", work, every=timedelta(hours=1)))
    first = await jobs.submit(JobDraft("again"))
    claimed = await jobs.claim(1, timedelta(minutes=1))
    completion = await jobs.kinds["again"].handler(Work(claimed[0], jobs.database))
    await jobs.complete(claimed[0], completion)
    assert (await jobs.show(first.id)).state is JobState.DONE
    (following,) = await jobs.list(states=[JobState.QUEUED])
    assert following.payload == {"told": "by the completion"}
