"""Sites of the configuration: images are kept equal by jobs, on every database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.config.settings import Site
from imagestore.database import sites
from imagestore.model.job import JobState
from imagestore.workers.sites import sites as catalog_sites
from tests.service.conftest import Person, Service, Start
from tests.services.faultproxy import FaultProxy, Faults
from tests.sites import conftest
from tests.sites.conftest import Api, content

MIB = 1 << 20


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[conftest.Site]:
    with conftest.site_in(tmp_path / "peer") as site:
        yield site


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(60):
        while not (found := await holds()):
            await asyncio.sleep(0.05)
    return found


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.to_thread(function, *args, **kwargs)


def site(peer_url: str, **changes: Any) -> Site:
    return Site("north", url=peer_url, **{"interval": 1.0, **changes})


async def passes(service: Service) -> list[dict[str, Any]]:
    """What came of the passes so far, the newest first."""
    jobs = service.client.app[keys.catalog].jobs
    listed = await jobs.list(kind="site")
    return [job.payload["last"] for job in listed if "last" in job.payload]


async def next_pass(service: Service) -> dict[str, Any]:
    """What came of a pass that began after this was called."""
    count = len(await passes(service))

    async def has_come() -> dict[str, Any] | None:
        found = await passes(service)
        return found[0] if len(found) > count + 1 else None

    last: dict[str, Any] = await until(has_come)
    return last


async def statuses(person: Person) -> dict[str, str]:
    answer = await person("GET", "/v2/images?visibility=all")
    return {image["id"]: image["status"] for image in (await answer.json())["images"]}


async def test_pull(start: Start, peer: conftest.Site) -> None:
    there = Api(peer.url)
    data = content(300_000, 1)
    image = await in_thread(there.add, data, name="golden", tags=["golden"], visibility="public")
    other = await in_thread(there.add, b"other")
    rules = {"match": ("tag=golden",), "delete": True, "store": "file2"}
    service = await start(sites=(site(peer.url, **rules),))
    admin = service.person("ops", "admin,member,reader")
    own = (await admin.create(tags=["golden"]))["id"]
    assert await admin.upload(own, b"own") == 204

    async def is_there() -> bool:
        return (await statuses(admin)).get(image) == "active"

    await until(is_there)
    shown = await admin.show(image)
    assert (shown["name"], shown["visibility"], shown["stores"]) == ("golden", "public", "file2")
    answer = await admin("GET", f"/v2/images/{image}/file")
    assert await answer.read() == data
    assert other not in await statuses(admin)

    last = await next_pass(service)
    assert last == {"counts": {"same": 1}, "bytes": 0, "failed": {}}
    jobs = service.client.app[keys.catalog].jobs
    assert {job.target for job in await jobs.list(kind="site")} == {"north"}

    operation = {"op": "replace", "path": "/name", "value": "renamed"}
    await in_thread(there.patch, image, operation)
    await next_pass(service)
    assert (await admin.show(image))["name"] == "renamed"

    # It goes where it went at the source; what was never carried stays.
    await in_thread(there, "DELETE", f"images/{image}")

    async def is_gone() -> bool:
        return image not in await statuses(admin)

    await until(is_gone)
    assert (await statuses(admin))[own] == "active"

    async def is_forgotten() -> bool:
        return not await jobs.database.read(sites.carried, "north")

    await until(is_forgotten)


async def test_push_follows_changes_from_its_position(
    start: Start, peer: conftest.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_sites, "OVERLAP", catalog_sites.timedelta(0))
    service = await start(sites=(site(peer.url, direction="push"),))
    alice = service.person("red")
    image = (await alice.create(name="a"))["id"]
    assert await alice.upload(image, b"first") == 204
    there = Api(peer.url)

    async def is_active(image_id: str) -> bool:
        return image_id in await in_thread(there.ids) and (
            (await in_thread(there.show, image_id))["status"] == "active"
        )

    await until(lambda: is_active(image))
    database = service.client.app[keys.catalog].jobs.database

    async def position() -> sites.Progress | None:
        found = await database.read(sites.progress, "north")
        return found if found.position is not None else None

    before = await until(position)
    await asyncio.sleep(1.1)  # the unit of the position is a second
    second = (await alice.create(name="b"))["id"]
    assert await alice.upload(second, b"second") == 204
    await until(lambda: is_active(second))

    async def has_advanced() -> bool:
        found = await position()
        return found is not None and found.position > before.position

    await until(has_advanced)
    assert (await position()).whole_at == before.whole_at
    # Only what was changed last is looked at: the first image does not come up any more.
    assert (await next_pass(service))["counts"] == {"same": 1}
    shown = await in_thread(there.show, second)
    assert (shown["owner"], shown["name"]) == ("red", "b")


async def test_the_site_is_away(start: Start, peer: conftest.Site) -> None:
    image = await in_thread(Api(peer.url).add, content(3 * MIB, 2), name="x")
    with FaultProxy(peer.port) as proxy:
        proxy.faults = Faults(refuse=True)
        service = await start(sites=(site(f"http://127.0.0.1:{proxy.port}"),))
        jobs = service.client.app[keys.catalog].jobs

        async def has_failed() -> bool:
            (job,) = await jobs.list(kind="site")
            told = job.message is not None and "does not answer" in job.message
            return told and job.state is JobState.QUEUED  # between two attempts

        await until(has_failed)
        proxy.faults = Faults(cut_after=2 * MIB)
        admin = service.person("ops", "admin,member,reader")

        async def is_there() -> bool:
            return (await statuses(admin)).get(image) == "active"

        await until(is_there)
        answer = await admin("GET", f"/v2/images/{image}/file")
        assert await answer.read() == content(3 * MIB, 2)
