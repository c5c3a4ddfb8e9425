"""Delayed deletion: deleted for callers at once, brought back or scrubbed later."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.backends import errors
from imagestore.catalog.catalog import Catalog
from imagestore.config.settings import Jobs, Scrubber
from imagestore.database import journal, pending_deletes, purge
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, NotFound
from tests.service.conftest import Service, Start
from tests.service.faults import copy_to, database

NO_WORK = Jobs(workers=0)


def catalog_of(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


async def deleted_image(service: Service) -> str:
    alice = service.person("red")
    image: str = (await alice.create(name="mine", tags=["golden"], os_distro="debian"))["id"]
    assert await alice.upload(image, b"data") == 204
    answer = await alice("POST", f"/v2/images/{image}/members", json={"member": "blue"})
    assert answer.status == 200
    await copy_to(service, image, "file2")
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    return image


async def test_a_deletion_is_undone(start: Start) -> None:
    service = await start(jobs=NO_WORK, scrubber=Scrubber(delayed_delete=True, scrub_time=3600))
    image = await deleted_image(service)
    alice, catalog = service.person("red"), catalog_of(service)
    assert (await alice("GET", f"/v2/images/{image}")).status == 404
    assert (await alice("POST", "/v2/images", json={"id": image})).status == 409
    assert [(one.id, due - one.deleted_at) for one, due in await catalog.scrubber.pending()] == [
        (image, timedelta(hours=1))
    ]
    # Neither its time is up, nor may a purge take what would be needed.
    assert not (await catalog.scrubber.scrub()).removed
    later = now() + timedelta(days=1)
    assert set((await database(service).write(purge.purge, later, 100)).values()) == {0}
    assert await database(service).write(purge.purge_images, later, 100) == 0
    await catalog.scrubber.restore(image)
    shown = await alice.show(image)
    assert (shown["status"], shown["tags"], shown["os_distro"]) == ("active", ["golden"], "debian")
    assert shown["stores"] == "file1,file2"
    assert (await service.person("blue")("GET", f"/v2/images/{image}")).status == 200
    assert await (await alice("GET", f"/v2/images/{image}/file")).read() == b"data"
    with pytest.raises(NotFound):
        await catalog.scrubber.restore(image)


async def test_the_bytes_go_when_the_time_is_up(start: Start) -> None:
    service = await start(scrubber=Scrubber(delayed_delete=True, wakeup_time=1))
    image = await deleted_image(service)
    async with asyncio.timeout(30):
        while service.files():
            await asyncio.sleep(0.05)
        while await catalog_of(service).scrubber.pending():
            await asyncio.sleep(0.05)
    with pytest.raises(NotFound):
        await catalog_of(service).scrubber.restore(image)
    alice = service.person("red")
    assert (await alice("POST", "/v2/images", json={"id": image})).status == 409
    assert await database(service).read(journal.entries) == []


async def test_a_dead_store_is_tried_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await start(jobs=NO_WORK, scrubber=Scrubber(delayed_delete=True))
    image = await deleted_image(service)
    scrubber = catalog_of(service).scrubber

    async def away(url: str) -> None:
        raise errors.Unavailable("forced", store="file2", url=url)

    with monkeypatch.context() as patched:
        patched.setattr(service.client.app[keys.stores].get("file2"), "delete", away)
        assert (await scrubber.scrub()).failed == [(image, "Unavailable")]
    assert [one.id for one, _ in await scrubber.pending()] == [image]
    assert await database(service).read(journal.entries) == []
    assert (await scrubber.scrub()).removed == [image]
    assert service.files() == set()


async def test_what_is_being_scrubbed_is_not_restored(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(jobs=NO_WORK, scrubber=Scrubber(delayed_delete=True))
    image = await deleted_image(service)
    catalog = catalog_of(service)
    begun, go_on = asyncio.Event(), asyncio.Event()
    store = service.client.app[keys.stores].get("file1")
    delete = store.delete

    async def slow(url: str) -> Any:
        begun.set()
        await go_on.wait()
        return await delete(url)

    monkeypatch.setattr(store, "delete", slow)
    scrubbing = asyncio.create_task(catalog.scrubber.scrub())
    await begun.wait()
    with pytest.raises(Conflict):
        await catalog.scrubber.restore(image)
    # Another node that looks at the same time takes nothing away from this one.
    assert (await catalog.scrubber.scrub()).removed == []
    assert [entry.image_id for entry in await catalog.scrubber.unfinished()] == [image]
    assert await catalog.recovery.run() == 0
    go_on.set()
    assert (await scrubbing).removed == [image]


async def test_a_scrubber_that_died_is_followed_by_another(start: Start) -> None:
    service = await start(jobs=NO_WORK, scrubber=Scrubber(delayed_delete=True))
    image = await deleted_image(service)
    catalog = catalog_of(service)
    from imagestore.catalog.integrity import scrubber
    from imagestore.catalog.intent import Intent, Intents
    from tests.service.test_recovery import _dead

    dead = Intent(Intents(database(service), catalog.deletions._deps.stores, _dead()))
    assert await database(service).write(scrubber._claim, dead, image, now())
    assert (await catalog.scrubber.scrub()).removed == []
    assert await catalog.recovery.run() == 1
    assert (await catalog.scrubber.scrub()).removed == [image]
    assert await database(service).read(pending_deletes.select_pending, now()) == []


async def test_without_delay_nothing_waits(service: Service) -> None:
    await deleted_image(service)
    assert service.files() == set()
    assert await catalog_of(service).scrubber.pending() == []
