"""Copies while stores fail, processes die, images go and bytes are wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from imagestore.backends.testing.faulty import away, nothing
from imagestore.config import drivers
from imagestore.config.settings import Jobs, Stores, StoreSection
from imagestore.database import journal
from imagestore.database.schema import images as images_table
from imagestore.database.schema import replicas as replicas_table
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, NotFound
from imagestore.model.job import JobState
from tests.database.samples import copies_of
from tests.service.conftest import Person, Service, Start
from tests.service.faults import PATIENT, copy_to, database, faulty_driver, inner
from tests.service.test_replication import (
    by,
    catalog_of,
    jobs_done,
    lies_in,
    passed,
    rule,
    stores_of,
    until,
    uploaded,
)
from tests.services.databases import url_of

NAMES = ("file1", "file2", "file3")
ON_ALL = pytest.mark.parametrize("url", ["embedded", "mariadb", "postgresql"], indirect=True)
"""For what depends on how a database locks."""


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without rows; a file, unless a test asks for others."""
    return url_of(request, getattr(request, "param", "embedded"), tmp_path)


def three(directory: Path, **changes: Any) -> Stores:
    """Stores that fail on demand; the first is the default and the best."""
    sections = tuple(
        StoreSection(
            name,
            "file",
            {"filesystem_store_datadir": str(directory / name)},
            weight=10 - number,
            access=PATIENT,
        )
        for number, name in enumerate(NAMES)
    )
    return replace(Stores(sections, "file1", multiple=True), **changes)


@pytest.fixture
async def service(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Without a worker: copies are made by the test itself."""
    monkeypatch.setattr(drivers, "get", faulty_driver)
    return await start(stores=three(tmp_path), jobs=Jobs(workers=0))


async def clean(service: Service, image: str, store: str = "file3") -> bool:
    """Whether nothing of the image is in the store, and nobody has to see to that."""
    place = service.settings.data_dir / store
    left = [path for path in place.iterdir() if image in path.name]
    return not left and not await database(service).read(journal.entries)


async def test_the_source_fails_in_mid_stream(service: Service, alice: Person) -> None:
    image = await uploaded(alice)
    await copy_to(service, image, "file2")
    inner(service, "file1").fail({"read": [nothing, nothing, away()]})
    assert await catalog_of(service).copies.copy(image, "file3")
    assert lies_in(service, "file3", image)
    assert await stores_of(alice, image) == set(NAMES)


@ON_ALL
@pytest.mark.every_database
async def test_two_at_once(service: Service, alice: Person, start: Start, tmp_path: Path) -> None:
    """Two nodes, eight copies: one is made."""
    other = await start(stores=three(tmp_path), jobs=Jobs(workers=0))
    image = await uploaded(alice)
    copies = [catalog_of(node).copies.copy(image, "file3") for node in (service, other) * 4]
    results = await asyncio.gather(*copies, return_exceptions=True)
    assert results.count(True) == 1, results
    assert lies_in(service, "file3", image)
    found = await database(service).read(copies_of, image)
    assert [each.store for each in found] == ["file1", "file3"]
    assert await database(service).read(journal.entries) == []


@ON_ALL
async def test_what_a_killed_process_left(service: Service, alice: Person) -> None:
    image = await uploaded(alice)
    place = service.settings.data_dir / "file3"
    (place / image).write_bytes(b"half")
    dead = "/".join([*catalog_of(service).jobs.owner.split("/")[:3], "1", "0"])
    await database(service).write(
        journal.open_copy, journal.new_entry(), image, "file3", dead, now()
    )
    # Nothing goes into that store, and nothing is adopted, while that is so.
    with pytest.raises(Exception, match="not yet out of"):
        await catalog_of(service).copies.copy(image, "file3")
    assert await catalog_of(service).recovery.run() == 1
    assert await clean(service, image)
    assert (await alice.show(image))["status"] == "active"
    assert await catalog_of(service).copies.copy(image, "file3")


@ON_ALL
async def test_digests_that_are_missing(start: Start, tmp_path: Path) -> None:
    service = await start(stores=three(tmp_path), replication=by())
    alice = service.person("red")
    image = await uploaded(alice)
    before = await alice.show(image)
    names = ("checksum", "os_hash_algo", "os_hash_value")

    def forget(conn: Any) -> None:
        nothing_ = dict.fromkeys(names)
        conn.execute(update(images_table).where(images_table.c.id == image).values(nothing_))

    await database(service).write(forget)
    assert (await alice.show(image))["checksum"] is None
    await passed(service)
    after = await alice.show(image)
    assert [after[name] for name in names] == [before[name] for name in names]
    # And by a copy, in passing.
    await database(service).write(forget)
    await catalog_of(service).copies.copy(image, "file2")
    after = await alice.show(image)
    assert [after[name] for name in names] == [before[name] for name in names]


async def test_a_store_that_is_down_is_caught_up(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    service = await start(stores=three(tmp_path), replication=by(rule("file3")))
    alice = service.person("red")
    store = inner(service, "file3")
    store.fail({name: [away()] * 1000 for name in ("add", "write", "capacity")})
    image = await uploaded(alice)
    jobs = catalog_of(service).jobs

    async def failed_once() -> bool:
        [job] = await jobs.list(kind="copy", image_id=image)
        return job.attempts > 0 and job.state is JobState.QUEUED

    await until(failed_once)
    store.fail({})
    await until(lambda: _is_healthy(service, "file3"))
    await passed(service)  # does not wait for the pause to end
    assert lies_in(service, "file3", image)


async def _is_healthy(service: Service, store: str) -> bool:
    return catalog_of(service).copies._stores.health(store).healthy


async def test_a_read_only_store_is_no_target(start: Start, tmp_path: Path) -> None:
    stores = three(tmp_path)
    sections = tuple(replace(each, read_only=each.name == "file3") for each in stores.sections)
    (tmp_path / "file3").mkdir()
    service = await start(
        stores=replace(stores, sections=sections), replication=by(rule("file2", "file3"))
    )
    alice = service.person("red")
    image = await uploaded(alice)
    [job] = await jobs_done(service, image)
    assert job.target == "file2"
    await passed(service)
    assert await stores_of(alice, image) == {"file1", "file2"}
    with pytest.raises(Conflict):
        await catalog_of(service).copy_jobs.start(image, "file3")
    with pytest.raises(NotFound):
        await catalog_of(service).copy_jobs.start(image, "nowhere")


@ON_ALL
async def test_a_user_asks_for_what_a_rule_is_about_to_do(
    start: Start, tmp_path: Path, service: Service
) -> None:
    """The copy is the user's then, and no rule takes it away."""
    ruled = await start(stores=three(tmp_path), replication=by(rule("file3")), jobs=Jobs(workers=0))
    alice = ruled.person("red")
    asked, by_rule = await uploaded(alice), await uploaded(alice)
    [queued] = await catalog_of(ruled).jobs.list(image_id=asked)
    job = await catalog_of(ruled).copy_jobs.start(asked, "file3")
    assert job.id == queued.id
    working = await start(stores=three(tmp_path))
    await jobs_done(working, asked)
    await jobs_done(working, by_rule)
    assert await stores_of(alice, asked) == {"file1", "file3"}
    rows = await database(ruled).read(
        lambda conn: conn.execute(select(replicas_table.c.image_id)).scalars().all()
    )
    # The node without the rule does not make what nobody wants.
    assert rows == []
    assert await stores_of(alice, by_rule) == {"file1"}
