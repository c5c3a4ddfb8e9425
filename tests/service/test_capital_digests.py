"""A digest that some service has recorded in capitals is the same digest at every door."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from imagestore.api import keys
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.locations.hashes import hash_later
from imagestore.config.settings import Cache
from imagestore.database import damages, images
from imagestore.database import locations as location_rows
from imagestore.model.clock import now
from imagestore.sites.compare import Step
from imagestore.sites.dump import Dump
from imagestore.sites.record import from_document, has_same_bytes
from imagestore.sites.replication import Replication
from imagestore.sites.rules import SiteRules
from tests.service.conftest import Service, Start
from tests.service.faults import copy_to, database
from tests.service.test_patrol import DATA, patrol, stored

SHA512 = hashlib.sha512(DATA).hexdigest().upper()
MD5 = hashlib.md5(DATA).hexdigest().upper()
ID = "11111111-2222-3333-4444-555555555555"
RECORD = {
    "id": ID, "status": "active", "size": len(DATA), "checksum": MD5, "os_hash_algo": "sha512",
    "os_hash_value": SHA512, "disk_format": "raw", "container_format": "bare", "tags": [],
    "visibility": "private", "updated_at": "2026-01-01T00:00:00Z",
}  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> str:
    """What is tried here is not the database: the embedded one will do."""
    return f"sqlite:///{tmp_path / 'db.sqlite'}"


def catalog_of(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


async def in_capitals(service: Service, *, copies: int = 1) -> str:
    """An image as Glance's tables may have it."""
    image = await stored(service, copies=copies)

    def change(conn: Connection) -> None:
        images.update(conn, image, {"checksum": MD5, "os_hash_value": SHA512})

    await database(service).write(change)
    return image


async def test_the_patrol_finds_nothing(start: Start) -> None:
    service = await start()
    image = await in_capitals(service, copies=2)
    await patrol(service, image)
    assert await database(service).read(damages.list) == []


async def test_a_copy(start: Start) -> None:
    service = await start()
    image = await in_capitals(service)
    assert await catalog_of(service).copies.copy(image, "file2")
    assert (service.settings.data_dir / "file2" / image).read_bytes() == DATA


async def test_the_cache(start: Start, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", serving=True, local_stores=True, node="http://one")
    service = await start(cache=cache)
    image = await in_capitals(service)
    answer = await service.person("red")("GET", f"/v2/images/{image}/file")
    assert await answer.read() == DATA
    cached: Any = catalog_of(service).cache
    async with asyncio.timeout(60):
        while cached._cache._fills:
            await asyncio.sleep(0.02)
    assert (tmp_path / "cache" / image).read_bytes() == DATA


async def test_a_location_that_is_added(start: Start) -> None:
    service = await start()
    image = await in_capitals(service)
    await copy_to(service, image, "file2")
    row = await database(service).read(images.get, image)
    assert row is not None
    new = next(each for each in row.image.locations if each.store == "file2")
    assert new.id is not None
    number = new.id

    def begin(conn: Connection) -> None:
        location_rows.set_status(conn, number, location_rows.UNVERIFIED)
        hash_later(conn, row.image, number, "file2", now())

    await database(service).write(begin)
    catalog_of(service).jobs.wake()
    async with asyncio.timeout(60):
        while True:
            found = await database(service).read(images.get, image)
            assert found is not None
            locations = {each.store: each.status for each in found.image.locations}
            if locations.get("file2") != location_rows.UNVERIFIED:
                break
            await asyncio.sleep(0.02)
    assert locations == {"file1": "active", "file2": "active"}


class Told:
    async def planned(self, steps: list[Step]) -> None: ...

    def moved(self, step: Step, count: int) -> None: ...

    async def ended(self, step: Step, error: Exception | None) -> None:
        assert error is None, error


async def test_a_pass_between_sites(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / f"{ID}.json").write_text(json.dumps(RECORD))
    (source / f"{ID}.img").write_bytes(DATA)
    result = await Replication(Dump(source), Dump(target), SiteRules()).run(Told())
    assert not result.failed
    assert (target / f"{ID}.img").read_bytes() == DATA


def test_sites_that_write_it_differently() -> None:
    small = {**RECORD, "checksum": MD5.lower(), "os_hash_value": SHA512.lower()}
    other = {**RECORD, "os_hash_value": os.urandom(64).hex().upper()}
    assert has_same_bytes(from_document(RECORD), from_document(small))
    assert not has_same_bytes(from_document(RECORD), from_document(other))
