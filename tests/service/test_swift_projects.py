"""The service on a real Swift in whose accounts of projects the images lie."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from imagestore.api import keys
from imagestore.backends.testing.contract import content, cut
from imagestore.catalog.catalog import Catalog
from imagestore.config.settings import Scrubber, Stores, StoreSection
from imagestore.database import images, journal
from imagestore.model.clock import now
from imagestore.model.image import ImageStatus
from tests.backends.swift.conftest import swift_url as swift_url
from tests.service.conftest import Service, Start, settings_in
from tests.service.faults import database
from tests.service.test_orphans import delete, found, search
from tests.service.test_recovery import _dead
from tests.services import swift

PROJECT = "test2"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'db.sqlite'}"


@pytest.fixture
def container() -> str:
    return f"projects-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def service(start: Start, swift_url: str, container: str, tmp_path: Path) -> Service:
    options = {
        "swift_store_auth_address": swift.auth_url(swift_url),
        "swift_store_auth_version": "1",
        "swift_store_user": "service:glance",
        "swift_store_key": swift.USERS["service:glance"][0],
        "swift_store_container": container,
        "swift_store_multi_tenant": True,
        "swift_store_large_object_size": 1,
        "swift_store_large_object_chunk_size": 1,
    }
    sections = (StoreSection("swift", "swift", options),)
    return await start(
        stores=Stores(
            sections, "swift", multiple=True, reserved=settings_in(tmp_path).stores.reserved
        ),
        scrubber=Scrubber(orphan_grace=0, orphan_max_unknown=100),
    )


def containers(swift_url: str, container: str) -> set[str]:
    account = swift.account_of(swift_url, "test2:tester2")
    return {name for name in account.names() if name.startswith(container)}


async def left_behind(service: Service, image: str) -> None:
    """As by an upload that had written all when its process died."""
    store = service.client.app[keys.stores].get("swift")
    await store.add(image, cut(content(3_000_000)), owner=PROJECT)


async def test_what_is_left_of_an_image_that_was_deleted_meanwhile_goes(
    service: Service, swift_url: str, container: str
) -> None:
    alice, catalog = service.person(PROJECT), catalog_of(service)
    db = database(service)
    upload, copy = [(await alice.create())["id"] for _ in range(2)]
    for image in (upload, copy):
        await left_behind(service, image)
    dead = _dead()
    await db.write(journal.open_upload, journal.new_entry(), upload, "swift", dead, now())
    await db.write(journal.open_copy, journal.new_entry(), copy, "swift", dead, now())
    for image in (upload, copy):
        assert await db.write(images.soft_delete, image, now(), {ImageStatus.QUEUED})
    assert len(containers(swift_url, container)) == 2
    assert await catalog.recovery.run() == 2
    assert containers(swift_url, container) == set()
    assert await db.read(journal.entries) == []


async def test_an_orphan_in_the_account_of_a_project(
    service: Service, swift_url: str, container: str
) -> None:
    alice = service.person(PROJECT)
    image = (await alice.create())["id"]
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    await left_behind(service, image)
    async with asyncio.timeout(60):  # the listing of an account may be behind
        while not await found(service):
            await search(service)
    [one] = (await found(service)).values()
    assert (one.store, one.image_id, one.project, one.origin) == (
        "swift", image, PROJECT, "deleted",
    )  # fmt: skip
    [outcome] = await delete(service)
    assert outcome.reason == ""
    assert containers(swift_url, container) == set()


def catalog_of(service: Service) -> Catalog:
    return service.client.app[keys.catalog]
