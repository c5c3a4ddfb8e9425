"""Jobs in the service as it is wired: housekeeping is done, and does not end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from imagestore.api import keys
from imagestore.catalog.catalog import Catalog
from imagestore.config.settings import Jobs
from imagestore.database import images, jobs
from imagestore.database.schema import image_properties
from imagestore.model.clock import now
from imagestore.model.image import ImageStatus
from imagestore.model.job import JobDraft, JobState
from tests.database import samples
from tests.service.conftest import Service, Start

pytestmark = pytest.mark.every_database


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.05)


def catalog_of(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


async def states(catalog: Catalog, **how: Any) -> list[JobState]:
    return [job.state for job in await catalog.jobs.list(**how)]


async def test_housekeeping(start: Start) -> None:
    catalog = catalog_of(await start(jobs=Jobs(workers=0, purge_deleted_after=1)))
    database = catalog.jobs.database
    gone = samples.image(properties={"a": "1"})
    long_ago = now() - timedelta(days=5)

    def fill(conn: Connection) -> str:
        images.insert(conn, gone)
        images.soft_delete(conn, gone.id, long_ago, {ImageStatus.QUEUED})
        old, _ = jobs.enqueue(conn, JobDraft("old"), long_ago)
        jobs.request_cancel(conn, old, long_ago)
        conn.exec_driver_sql("UPDATE imagestore_jobs SET state = 'done' WHERE kind = 'old'")
        return old

    await database.write(fill)
    assert set(await states(catalog)) == {JobState.QUEUED, JobState.DONE}
    other = catalog_of(await start(jobs=Jobs(workers=1, purge_deleted_after=1)))

    async def is_done() -> bool:
        return JobState.DONE in await states(other, kind="housekeeping")

    await until(is_done)
    # Its successor waits, and the service that was started second queued no other.
    assert await states(other, kind="housekeeping", states=[JobState.QUEUED]) == [JobState.QUEUED]
    assert await states(other, kind="old") == []
    properties = select(image_properties.c.id)
    assert await database.read(lambda conn: conn.execute(properties).all()) == []


async def test_the_id_of_a_purged_image(start: Start) -> None:
    from imagestore.database import purge

    service = await start()
    alice = service.person("red")
    image = (await alice.create())["id"]
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    database = catalog_of(service).jobs.database
    later = now() + timedelta(seconds=5)
    assert await database.write(purge.purge_images, later, 10) == 1
    answer = await alice("POST", "/v2/images", json={"id": image})
    assert answer.status == 409


@pytest.mark.parametrize("name", ["\U0001f4be", "a\0b"])
async def test_names_that_not_every_database_can_hold(service: Service, name: str) -> None:
    alice = service.person("red")
    answer = await alice("POST", "/v2/images", json={"name": name})
    assert answer.status in (201, 400), await answer.text()
    if answer.status == 201:
        assert (await alice.show((await answer.json())["id"]))["name"] == name
