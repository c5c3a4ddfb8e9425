"""Copies by rules and on demand, in the service as it is wired."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.catalog.catalog import Catalog
from imagestore.config.replication import Rule, parse
from imagestore.config.settings import Jobs, Replication
from imagestore.database import journal, replicas
from imagestore.model.job import Job, JobState
from tests.service import faults
from tests.service.conftest import Person, Service, Start
from tests.service.faults import database

DATA = os.urandom(3 << 20)


def rule(*stores: str, match: str = "", name: str = "r", min_copies: int = 1) -> Rule:
    return Rule(name, stores, (parse(match),) if match else (), min_copies)


def by(*rules: Rule, **more: Any) -> Replication:
    return Replication(rules, **{"interval": 3600.0, "grace": 0.0, **more})


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.05)


def catalog_of(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


async def stores_of(person: Person, image: str) -> set[str]:
    return set((await person.show(image))["stores"].split(","))


async def jobs_done(service: Service, image: str) -> list[Job]:
    """The jobs on the image, when all have come to an end."""
    found: list[Job] = []

    async def ended() -> bool:
        found[:] = await catalog_of(service).jobs.list(image_id=image)
        return all(job.state not in (JobState.QUEUED, JobState.RUNNING) for job in found)

    await until(ended)
    return found


async def passed(service: Service) -> None:
    """A pass from its beginning to its end, and all that it has queued."""
    jobs = catalog_of(service).jobs
    # One may be under way whose eyes have passed the images already.
    for _ in range(2):
        job = await catalog_of(service).replication.run_now()

        async def done(job: Job = job) -> bool:
            return (await jobs.show(job.id)).state is JobState.DONE

        await until(done)

    async def idle() -> bool:
        found = await jobs.list(states=[JobState.QUEUED, JobState.RUNNING])
        return {job.kind for job in found} <= {"replication", "housekeeping", "orphans"}

    await until(idle)


async def uploaded(person: Person, data: bytes = DATA, **draft: Any) -> str:
    image: str = (await person.create(**draft))["id"]
    assert await person.upload(image, data) == 204
    return image


def lies_in(service: Service, store: str, image: str) -> bool:
    path = service.settings.data_dir / store / image
    return path.exists() and path.read_bytes() == DATA


@pytest.mark.every_database
async def test_a_new_image_is_copied_at_once(start: Start) -> None:
    service = await start(replication=by(rule("file2", match="tag=golden"), interval=0.0))
    alice = service.person("red")
    image = await uploaded(alice, tags=["golden"])
    other = await uploaded(alice)
    [job] = await jobs_done(service, image)
    assert (job.kind, job.target, job.state) == ("copy", "file2", JobState.DONE)
    assert (job.bytes_done, job.bytes_total) == (len(DATA), len(DATA))
    assert await stores_of(alice, image) == {"file1", "file2"}
    assert lies_in(service, "file2", image)
    assert await stores_of(alice, other) == {"file1"}
    assert await database(service).read(journal.entries) == []


@pytest.mark.every_database
async def test_an_image_follows_what_is_changed(start: Start, url: str) -> None:
    service = await start(
        replication=by(
            rule("file2", match="tag=golden,visibility=private|shared"),
            rule("file2", match="property:os=ubuntu*", name="s"),
            interval=0.0,
        )
    )
    alice = service.person("red")
    tagged, patched, named = [await uploaded(alice) for _ in range(3)]
    assert (await alice("PUT", f"/v2/images/{tagged}/tags/golden")).status == 204
    await alice.patch(patched, {"op": "replace", "path": "/tags", "value": ["golden"]})
    await alice.patch(named, {"op": "add", "path": "/os", "value": "ubuntu-24.04"})
    for image in (tagged, patched, named):
        await jobs_done(service, image)
        assert await stores_of(alice, image) == {"file1", "file2"}


@pytest.mark.every_database
async def test_images_from_before_the_rule(start: Start) -> None:
    # It has no rules, and would find in its passes that nothing is to be done.
    service = await start(jobs=Jobs(workers=0))
    alice = service.person("red")
    images = [await uploaded(alice) for _ in range(3)]
    later = await start(replication=by(rule("file2")))
    await passed(later)
    for image in images:
        assert lies_in(later, "file2", image)
    findings = await catalog_of(later).replication.look()
    assert findings.steps == []
    [count] = findings.counts.values()
    assert (count.images, count.wanted, count.missing) == (3, 3, 0)


async def test_what_no_rule_wants_any_more(start: Start) -> None:
    service = await start(replication=by(rule("file2", match="tag=golden")))
    alice = service.person("red")
    by_rule = await uploaded(alice, tags=["golden"])
    asked = await uploaded(alice, tags=["golden"])
    for image in (by_rule, asked):
        await jobs_done(service, image)
    # The copy is there already: from now on it is one that was asked for.
    await catalog_of(service).copy_jobs.start(asked, "file2")
    await jobs_done(service, asked)
    for image in (by_rule, asked):
        assert (await alice("DELETE", f"/v2/images/{image}/tags/golden")).status == 204
    await passed(service)
    await passed(service)
    assert await stores_of(alice, by_rule) == {"file1"}
    assert not (service.settings.data_dir / "file2" / by_rule).exists()
    assert await stores_of(alice, asked) == {"file1", "file2"}
    # The rule wants it again.
    assert (await alice("PUT", f"/v2/images/{by_rule}/tags/golden")).status == 204
    await jobs_done(service, by_rule)
    assert lies_in(service, "file2", by_rule)


async def test_a_copy_is_kept_for_a_while(start: Start) -> None:
    service = await start(replication=by(rule("file2", match="tag=golden"), grace=3600.0))
    alice = service.person("red")
    image = await uploaded(alice, tags=["golden"])
    await jobs_done(service, image)
    assert (await alice("DELETE", f"/v2/images/{image}/tags/golden")).status == 204
    await passed(service)
    await passed(service)
    assert await stores_of(alice, image) == {"file1", "file2"}
    [replica] = (await database(service).read(replicas.of_images, [image])).values()
    assert replica.unwanted_since is not None
    assert (await alice("PUT", f"/v2/images/{image}/tags/golden")).status == 204
    await passed(service)
    [replica] = (await database(service).read(replicas.of_images, [image])).values()
    assert replica.unwanted_since is None


async def test_never_the_last_copy_and_never_below_the_least(start: Start) -> None:
    service = await start(
        replication=by(
            rule("file2", match="tag=golden"),
            rule("file1", match="visibility=shared", name="floor", min_copies=2),
        )
    )
    alice, admin = service.person("red"), service.person("ops", "admin,member,reader")
    image = await uploaded(alice, tags=["golden"])
    await jobs_done(service, image)
    assert (await alice("DELETE", f"/v2/images/{image}/tags/golden")).status == 204
    await passed(service)
    await passed(service)
    assert await stores_of(alice, image) == {"file1", "file2"}
    await alice.patch(image, {"op": "replace", "path": "/visibility", "value": "private"})
    assert (await admin("DELETE", f"/v2/stores/file1/{image}")).status == 204
    await passed(service)
    await passed(service)
    assert await stores_of(alice, image) == {"file2"}
    assert lies_in(service, "file2", image)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    from imagestore.config import drivers

    monkeypatch.setattr(drivers, "get", faults.faulty_driver)
