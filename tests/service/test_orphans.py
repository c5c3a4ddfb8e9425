"""What belongs to no image: found, left alone while anything speaks for it, removed on demand."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from imagestore.api import keys
from imagestore.backends.errors import Unavailable
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.integrity.orphans import SearchResult
from imagestore.config import drivers
from imagestore.config.settings import Images, Scrubber
from imagestore.database import images, journal, locations, properties
from imagestore.database.orphans import Orphan
from imagestore.database.schema import orphans as table
from imagestore.model.clock import now
from imagestore.model.image import ImageStatus, Location
from imagestore.model.job import ENDED, JobState
from tests.service.conftest import Service, Start
from tests.service.faults import copy_to, database, faulty_driver, inner, stores_in

DATA = os.urandom(300_001)
AT_ONCE = Scrubber(orphan_grace=0, orphan_max_unknown=100)


@pytest.fixture
async def service(start: Start) -> Service:
    return await start(scrubber=AT_ONCE)


def catalog_of(service: Service) -> Catalog:
    return service.client.app[keys.catalog]


async def stored(service: Service, **draft: Any) -> str:
    alice = service.person("red")
    image: str = (await alice.create(**draft))["id"]
    assert await alice.upload(image, DATA) == 204
    return image


def place(service: Service, store: str, name: str, data: bytes = b"left") -> str:
    directory = service.settings.data_dir / store
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(data)
    return name


def lies(service: Service, store: str) -> set[str]:
    return {path.name for path in (service.settings.data_dir / store).iterdir()}


async def search(service: Service, times: int = 1) -> None:
    catalog = catalog_of(service)
    for _ in range(times):
        job = await catalog.orphans.search()
        async with asyncio.timeout(60):
            while (await catalog.jobs.show(job.id)).state not in ENDED:
                await asyncio.sleep(0.02)
        assert (await catalog.jobs.show(job.id)).state is JobState.DONE


async def found(service: Service) -> dict[tuple[str, str], Orphan]:
    """The orphans that are ripe."""
    orphans = catalog_of(service).orphans
    return {
        (one.store, one.image_id): one async for one in orphans.list() if one.is_ripe(orphans.grace)
    }


async def delete(service: Service, *args: Any, **kwargs: Any) -> list[SearchResult]:
    return [one async for one in catalog_of(service).orphans.delete(*args, **kwargs)]


@pytest.mark.every_database
async def test_what_belongs_to_nothing_is_found_and_removed(service: Service) -> None:
    kept, copied, gone = await stored(service), await stored(service), await stored(service)
    await copy_to(service, copied, "file2")
    assert (await service.person("red")("DELETE", f"/v2/images/{gone}")).status == 204
    stranger, staged, half = (str(uuid.uuid4()) for _ in range(3))
    place(service, "file1", gone)
    place(service, "file2", kept, DATA)  # a copy that is none of the image's
    place(service, "file2", stranger, b"12345")
    place(service, "file2", f".{half}.0123456789abcdef.partial")
    place(service, "staging", staged)
    others = {"README", f"{uuid.uuid4()}.qcow2", f".{uuid.uuid4()}", "x" * 36}
    for name in others:
        place(service, "file1", name)
    (service.settings.data_dir / "file1" / str(uuid.uuid4())).mkdir()
    await search(service)
    assert await found(service) == {}
    assert await delete(service) == []
    await search(service)
    orphans = await found(service)
    assert {
        key: (one.origin, one.ours, one.whole, one.pieces, one.bytes)
        for key, one in orphans.items()
    } == {
        ("file1", gone): ("deleted", True, True, 1, 4),
        ("file2", kept): ("active", False, True, 1, len(DATA)),
        ("file2", stranger): ("unknown", False, True, 1, 5),
        ("file2", half): ("unknown", False, False, 1, 4),
        ("os_glance_staging_store", staged): ("unknown", False, True, 1, 4),
    }
    searches = await catalog_of(service).orphans.searches()
    assert {name: (one.objects, one.unknown) for name, one in searches.items()} == {
        "file1": (3, 0), "file2": (3, 2), "os_glance_staging_store": (1, 1),
    }  # fmt: skip
    # One, those of a store, all.
    assert [one.orphan.image_id for one in await delete(service, image_id=half)] == [half]
    assert [one.orphan.image_id for one in await delete(service, "file1")] == [gone]
    removed = await delete(service)
    assert {one.orphan.image_id for one in removed} == {kept, stranger, staged}
    assert all(not one.reason for one in removed)
    assert await found(service) == {}
    assert {name for name in lies(service, "file1") if len(name) != 36} == others - {"x" * 36}
    assert lies(service, "file1") >= {kept, copied}
    assert lies(service, "file2") == {copied}
    assert lies(service, "staging") == set()
    assert await database(service).read(journal.entries) == []
    for image in (kept, copied):
        answer = await service.person("red")("GET", f"/v2/images/{image}/file")
        assert (answer.status, await answer.read()) == (200, DATA)
    await search(service, 2)
    assert await found(service) == {}


async def test_whatever_somebody_may_need_is_no_orphan(start: Start) -> None:
    service = await start(
        scrubber=Scrubber(
            orphan_grace=0, orphan_max_unknown=100, delayed_delete=True, scrub_time=3600
        )
    )
    alice = service.person("red")
    queued, saving, staged, importing = [(await alice.create())["id"] for _ in range(4)]
    kept, unverified, copying, other = [await stored(service) for _ in range(4)]
    restorable = await stored(service)
    assert (await alice("DELETE", f"/v2/images/{restorable}")).status == 204
    assert (
        await alice("PUT", f"/v2/images/{staged}/stage", data=DATA,
                    headers={"Content-Type": "application/octet-stream"})
    ).status == 204  # fmt: skip
    shared, going, elsewhere = (str(uuid.uuid4()) for _ in range(3))
    for name in (queued, saving, importing, shared, going, elsewhere):
        place(service, "file1", name)
    for name in (unverified, copying):
        place(service, "file2", name)

    def arrange(conn: Connection) -> None:
        def url(name: str, store: str = "file1") -> str:
            return f"file://{service.settings.data_dir / store}/{name}"

        for image, status in ((saving, ImageStatus.SAVING), (importing, ImageStatus.IMPORTING)):
            images.transition(conn, image, {ImageStatus.QUEUED}, status, updated_at=now())
        # Another image's, by another way to write the place.
        locations.add(conn, other, Location(url(shared).replace("file://", "filesystem://")))
        # Of a store that is not configured here any more.
        locations.add(conn, kept, Location(f"rbd://a/b/{elsewhere}/snap", {"store": "old"}))
        locations.add(conn, unverified, Location(url(unverified, "file2"), {}, "unverified"))
        # The peer copies into a store, and has no journal.
        properties.insert(conn, copying, {"os_glance_importing_to_stores": "file2"}, now())
        journal.open_copy(conn, journal.new_entry(), going, "file1", "another/process", now())

    await database(service).write(arrange)
    await search(service, 3)
    assert await found(service) == {}
    # Nothing speaks for them any more.
    for image in (queued, kept):
        assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    await search(service, 2)
    assert {name for _, name in await found(service)} == {queued}


async def test_what_is_young_is_left_alone(start: Start) -> None:
    service = await start(scrubber=Scrubber(orphan_grace=1, orphan_max_unknown=100))
    name = place(service, "file1", str(uuid.uuid4()))
    await search(service, 2)
    assert await found(service) == {}
    assert await delete(service) == []

    def long_ago(conn: Connection) -> None:
        conn.execute(update(table).values(first_seen=now() - timedelta(hours=2)))

    await database(service).write(long_ago)
    [one] = await delete(service)
    assert (one.orphan.image_id, one.reason) == (name, "")
    assert lies(service, "file1") == set()


async def test_what_goes_away_by_itself_is_forgotten(service: Service) -> None:
    name = place(service, "file1", str(uuid.uuid4()))
    await search(service)
    (service.settings.data_dir / "file1" / name).unlink()
    await search(service)
    place(service, "file1", name)
    await search(service)
    assert await found(service) == {}
    await search(service)
    assert set(await found(service)) == {("file1", name)}


async def test_a_store_that_is_another_services_too(start: Start) -> None:
    """What this database has never heard of is most likely the other's."""
    service = await start(
        scrubber=Scrubber(orphan_grace=0, orphan_max_unknown=10, orphan_delete=True)
    )
    gone = await stored(service)
    assert (await service.person("red")("DELETE", f"/v2/images/{gone}")).status == 204
    await stored(service)
    place(service, "file1", gone)
    theirs = {place(service, "file1", str(uuid.uuid4())) for _ in range(3)}
    # A user who knows the id of another service's image may choose it here.
    chosen = min(theirs)
    mallory = service.person("blue")
    await mallory.create(id=chosen)
    assert await mallory.upload(chosen, DATA) == 409
    assert (await mallory("DELETE", f"/v2/images/{chosen}")).status == 204
    await search(service, 2)
    # What was ours went by itself, as the option says; nothing else does.
    assert gone not in lies(service, "file1")
    assert lies(service, "file1") >= theirs
    outcomes = await delete(service)
    assert {one.orphan.image_id for one in outcomes} == theirs
    assert all("another service" in one.reason for one in outcomes)
    assert lies(service, "file1") >= theirs
    assert all(not one.reason for one in await delete(service, force=True))
    assert not lies(service, "file1") & theirs


async def test_what_is_needed_by_now_stays(service: Service) -> None:
    image = await stored(service)
    taken, adopted, waited_for = (place(service, "file1", str(uuid.uuid4())) for _ in range(3))
    place(service, "file2", image, DATA)
    await search(service, 2)
    assert len(await found(service)) == 4

    def arrange(conn: Connection) -> None:
        url = f"file://{service.settings.data_dir}"
        locations.add(conn, image, Location(f"{url}/file2/{image}", {"store": "file2"}))
        locations.add(conn, image, Location(f"{url}/file1/{taken}", {"store": "file1"}))
        journal.open_copy(conn, journal.new_entry(), adopted, "file1", "another/process", now())

    await database(service).write(arrange)
    assert (await service.person("red").create(id=waited_for))["id"] == waited_for
    outcomes = await delete(service)
    assert {one.reason for one in outcomes} == {"It is needed by now."}
    assert len(outcomes) == 4
    assert lies(service, "file1") >= {image, taken, adopted, waited_for}
    assert lies(service, "file2") == {image}


async def test_what_glance_left_beside_staged_bytes(service: Service) -> None:
    """Unpacked and converted, of images that are gone, long active or just being deleted."""
    gone = str(uuid.uuid4())
    for name in (f"{gone}.uc", f"{gone}.uc.qcow2", f"{gone}.qcow2"):
        place(service, "staging", name)
    active, doomed = await stored(service), await stored(service)
    others = {f"{gone}.backup", "notes.raw", f"x{gone}.raw"}
    for name in (f"{active}.raw", f"{doomed}.uc", f"{doomed}.vmdk", *others):
        place(service, "staging", name)
    alice = service.person("red")
    assert (await alice("DELETE", f"/v2/images/{doomed}")).status == 204
    assert lies(service, "staging") == {
        f"{gone}.uc", f"{gone}.uc.qcow2", f"{gone}.qcow2", f"{active}.raw", *others,
    }  # fmt: skip
    await search(service, 2)
    listed = {key: one.pieces for key, one in (await found(service)).items()}
    assert listed == {
        ("os_glance_staging_store", gone): 3, ("os_glance_staging_store", active): 1,
    }  # fmt: skip
    assert not [one.reason for one in await delete(service) if one.reason]
    assert lies(service, "staging") == others
    assert active in lies(service, "file1")
    # Elsewhere such names are somebody else's.
    place(service, "file1", f"{gone}.raw")
    await search(service, 2)
    assert await found(service) == {}


@pytest.mark.every_database
async def test_two_nodes_remove_at_once(start: Start) -> None:
    one, two = await start(scrubber=AT_ONCE), await start(scrubber=AT_ONCE)
    names = {place(one, "file1", str(uuid.uuid4())) for _ in range(20)}
    for service in (one, two):
        await search(service)
    outcomes = await asyncio.gather(delete(one), delete(two))
    removed = [each.orphan.image_id for part in outcomes for each in part if not each.reason]
    assert sorted(removed) == sorted(names)
    reasons = {each.reason for part in outcomes for each in part if each.reason}
    assert reasons <= {"It is removed already.", "It is needed by now."}
    assert lies(one, "file1") == set()
    assert await database(one).read(journal.entries) == []


async def test_a_removal_keeps_writers_out_and_is_carried_to_its_end(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    service = await start(
        scrubber=AT_ONCE,
        stores=stores_in(tmp_path),
        images=Images(show_multiple_locations=True),
    )
    name = place(service, "file1", str(uuid.uuid4()))
    await search(service, 2)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hindered() -> None:
        reached.set()
        await go_on.wait()
        raise Unavailable("forced", store="file1")

    inner(service, "file1").fail({"discard": [hindered]})
    removing = asyncio.create_task(delete(service))
    await reached.wait()
    alice = service.person("red")
    await alice.create(id=name)
    assert await alice.upload(name, DATA) == 409
    go_on.set()
    [outcome] = await removing
    assert outcome.reason == "the store refuses: Unavailable"
    # It may have begun: the row stays until recovery has done it.
    [entry] = await database(service).read(journal.entries)
    assert (entry.image_id, entry.store) == (name, "file1")
    assert await alice.upload(name, DATA) == 409

    async def body() -> AsyncIterator[bytes]:
        yield DATA[:1000]
        while (await alice.show(name))["status"] != "saving":
            await asyncio.sleep(0.05)
        while entry.id in {one.id for one in await database(service).read(journal.entries)}:
            await catalog_of(service).recovery.run()
            await asyncio.sleep(0.05)
        yield DATA[1000:]

    # An upload into another store is none of its business.
    assert await alice.upload(name, body(), **{"X-Image-Meta-Store": "file2"}) == 204
    assert (lies(service, "file1"), lies(service, "file2")) == (set(), {name})


async def test_a_store_that_is_away_keeps_what_was_found(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "get", faulty_driver)
    service = await start(scrubber=AT_ONCE, stores=stores_in(tmp_path))
    left = place(service, "file1", str(uuid.uuid4())), place(service, "file2", str(uuid.uuid4()))
    await search(service, 2)

    async def away() -> None:
        raise Unavailable("forced", store="file1")

    inner(service, "file1").fail({"held": [away]})
    before = await catalog_of(service).orphans.searches()
    await search(service)
    after = await catalog_of(service).orphans.searches()
    assert {name for _, name in await found(service)} == {*left}
    assert before["file1"] == after["file1"]
    assert before["file2"].started_at < after["file2"].started_at
