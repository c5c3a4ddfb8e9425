"""What a dead process left behind is put right; what a live one is doing is left alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from imagestore.api import keys
from imagestore.backends import errors
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.integrity import recovery
from imagestore.database import images, journal
from imagestore.database.engine import Database
from imagestore.model.clock import now
from imagestore.model.image import ImageStatus
from tests.service.conftest import Person, Service

FAR = "elsewhere/boot/1/1/1"
"""A process of another machine."""


def _dead() -> str:
    """The identity of a process of this machine that has ended."""
    program = "from imagestore.supervisor.process_identity import identity; print(identity())"
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def catalog(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


@pytest.fixture
def database(catalog: Catalog) -> Database:
    return catalog.recovery._database


def _saving(conn: Any, image: str, owner: str, moment: Any) -> None:
    assert images.transition(conn, image, {ImageStatus.QUEUED}, ImageStatus.SAVING)
    journal.open_upload(conn, journal.new_entry(), image, "file1", owner, moment)


@pytest.mark.parametrize("owner", ["dead", "far and silent"])
@pytest.mark.every_database
async def test_an_interrupted_upload_is_undone(
    service: Service, alice: Person, catalog: Catalog, database: Database, owner: str
) -> None:
    image = (await alice.create())["id"]
    moment = now() - 2 * recovery.LEASE
    await database.write(_saving, image, _dead() if owner == "dead" else FAR, moment)
    (service.settings.data_dir / "file1" / image).write_bytes(b"half of it")
    assert await catalog.recovery.run() == 1
    assert service.files() == set()
    assert await database.read(journal.entries) == []
    assert (await alice.show(image))["status"] == "queued"
    assert await alice.upload(image, b"again") == 204
    assert await catalog.recovery.run() == 0


@pytest.mark.every_database
async def test_live_uploads_are_left_alone(
    alice: Person, catalog: Catalog, database: Database
) -> None:
    far = (await alice.create())["id"]
    await database.write(_saving, far, FAR, now() - recovery.LEASE + timedelta(seconds=5))
    image = (await alice.create())["id"]
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Any:
        yield b"x" * 100_000
        begun.set()
        await go_on.wait()

    upload = asyncio.create_task(alice.upload(image, slow()))
    await begun.wait()
    while (await alice.show(image))["status"] != "saving":
        await asyncio.sleep(0.01)
    assert await catalog.recovery.run() == 0
    await catalog.recovery.renew()
    go_on.set()
    assert await upload == 204
    assert (await alice.show(far))["status"] == "saving"


@pytest.mark.every_database
async def test_an_interrupted_deletion_is_finished(
    service: Service, alice: Person, catalog: Catalog, database: Database
) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"data") == 204
    dead = _dead()

    def hidden(conn: Any) -> None:
        images.transition(conn, image, {ImageStatus.ACTIVE}, ImageStatus.PENDING_DELETE)
        journal.open_deletion(conn, journal.new_entry(), image, ImageStatus.ACTIVE, dead, now())

    await database.write(hidden)
    assert (await alice("GET", f"/v2/images/{image}")).status == 404
    assert await catalog.recovery.run() == 1
    assert service.files() == set()
    assert await database.read(journal.entries) == []
    assert (await alice("POST", "/v2/images", json={"id": image})).status == 409


async def test_a_deletion_that_the_store_refuses_changes_nothing(
    service: Service, alice: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"data") == 204
    with monkeypatch.context() as patched:
        patched.setattr(service.client.app[keys.stores].get("file1"), "delete", busy)
        answer = await alice("DELETE", f"/v2/images/{image}")
        assert answer.status == 409
        assert "file://" not in await answer.text()
    assert (await alice.show(image))["status"] == "active"
    assert await database.read(journal.entries) == []
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    assert service.files() == set()


async def busy(url: str) -> None:
    raise errors.Busy("forced", store="file1", url=url)


async def away(url: str) -> None:
    raise errors.Unavailable("forced", store="file1", url=url)


async def test_a_deletion_that_meets_a_dead_store_is_finished_later(
    service: Service,
    alice: Person,
    catalog: Catalog,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"data") == 204
    with monkeypatch.context() as patched:
        patched.setattr(service.client.app[keys.stores].get("file1"), "delete", away)
        answer = await alice("DELETE", f"/v2/images/{image}")
        assert answer.status == 503
        assert "file://" not in await answer.text()
        assert await catalog.recovery.run() == 0
    # The store may have removed it all the same: it is not shown again.
    assert (await alice("GET", f"/v2/images/{image}")).status == 404
    assert await catalog.recovery.run() == 1
    assert await database.read(journal.entries) == []
    assert service.files() == set()
