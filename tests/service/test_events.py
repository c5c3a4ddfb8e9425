"""``GET /v2/events``: who hears what, from where, and for how long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse

from imagestore.api import keys
from imagestore.api.v2 import events as route
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.jobs import JobKind, Work
from imagestore.config.settings import Identity, Jobs
from imagestore.database import events
from imagestore.database.events import LATE, Event, Position
from imagestore.model.clock import now
from imagestore.model.job import JobDraft
from imagestore.serving.ending import ENDING
from tests.service.conftest import Person, Service, Start
from tests.service.faults import database


@dataclass(frozen=True)
class Told:
    kind: str
    id: int | None
    data: dict[str, Any]


class Stream:
    """A reader of server-sent events."""

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer
        self.last: int | None = None

    async def next(self) -> Told | None:
        """The next event; None when the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            while line := await self.answer.content.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    number = int(fields["id"]) if "id" in fields else None
                    self.last = self.last if number is None else number
                    return Told(fields["event"], number, json.loads(fields["data"]))
                else:
                    fields = {}
        return None

    async def until(self, kind: str, **values: Any) -> list[Told]:
        """Everything up to the first event of that kind with these values."""
        found = []
        while (told := await self.next()) is not None:
            found.append(told)
            if told.kind == kind and values.items() <= told.data.items():
                return found
        raise AssertionError(f"the stream ended: {found}")


@asynccontextmanager
async def watching(person: Person, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    answer = await person("GET", f"/v2/events{query}", headers=headers)
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Type"] == "text/event-stream"
    try:
        yield Stream(answer)
    finally:
        answer.close()


@pytest.mark.every_database
async def test_the_life_of_an_image(alice: Person, bob: Person) -> None:
    async with watching(alice) as mine:
        image = (await alice.create())["id"]
        assert await alice.upload(image, b"data") == 204
        assert (await alice("PUT", f"/v2/images/{image}/tags/golden")).status == 204
        assert (
            await alice("POST", f"/v2/images/{image}/members", json={"member": "blue"})
        ).status == 200
        assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
        found = await mine.until("image.delete", image=image)
    assert [(told.kind, told.data.get("status")) for told in found] == [
        ("image.create", "queued"),
        ("image.update", "saving"),
        ("image.update", "active"),
        ("image.update", None),
        ("image.member.create", "pending"),
        ("image.delete", None),
    ]
    ids = [told.id for told in found]
    assert ids == sorted(ids, key=lambda number: number or 0)


@pytest.mark.every_database
async def test_who_hears_of_what(service: Service, alice: Person, bob: Person) -> None:
    admin = service.person("ops", "admin,member,reader")
    async with watching(bob) as his, watching(admin) as all_:
        private = (await alice.create(visibility="private"))["id"]
        shared = (await alice.create())["id"]
        await alice.patch(shared, {"op": "replace", "path": "/name", "value": "unseen"})
        members = f"/v2/images/{shared}/members"
        # Whatever is told of it before the invitation is asked for as it stands by then.
        await all_.until("image.update", image=shared)
        assert (await alice("POST", members, json={"member": "blue"})).status == 200
        await his.until("image.member.create", image=shared, member="blue")
        assert (await alice("DELETE", f"/v2/images/{private}")).status == 204
        assert (await alice("DELETE", f"/v2/images/{shared}")).status == 204
        found = await his.until("image.delete", image=shared)
        assert private not in {told.data["image"] for told in found}
        everything = await all_.until("image.delete", image=shared)
        assert private in {told.data["image"] for told in everything}


async def test_who_did_it_is_told_to_its_own_project(
    service: Service, alice: Person, bob: Person, admin: Person
) -> None:
    image = (await alice.create(visibility="community"))["id"]
    async with watching(alice) as hers, watching(bob) as his, watching(admin) as all_:
        path = f"/v2/images/{image}/tags/x"
        answer = await alice("PUT", path, headers={"X-Openstack-Request-Id": "req-x"})
        assert answer.status == 204
        by = {"request_id": "req-x", "user_id": "user-of-red", "project_id": "red"}
        for stream, wanted in ((hers, by), (all_, by), (his, None)):
            found = await stream.until("image.update", image=image)
            assert found[-1].data.get("by") == wanted


async def test_members_are_told_of_themselves_only(service: Service, alice: Person) -> None:
    admin, bob = service.person("ops", "admin,member,reader"), service.person("blue")
    everybody = service.person("yellow")
    image = (await alice.create())["id"]
    async with watching(alice) as hers, watching(bob) as his, watching(admin) as all_:
        for project in ("blue", "green"):
            members = f"/v2/images/{image}/members"
            assert (await alice("POST", members, json={"member": project})).status == 200
        # By then each has been asked for as it stands.
        for stream in (hers, all_):
            await stream.until("image.member.create", member="green")
        assert (await bob("PUT", members + "/blue", json={"status": "accepted"})).status == 200
        found = await his.until("image.member.update", member="blue")
        assert {told.data.get("member", "blue") for told in found} == {"blue"}
        assert (await alice("DELETE", f"{members}/green")).status == 204
        for stream in (hers, all_):
            await stream.until("image.member.delete", member="green")
    # What was told of members is kept, and the image is for everybody now.
    await alice.patch(image, {"op": "replace", "path": "/visibility", "value": "community"})
    for person, wanted in ((everybody, set()), (bob, {"blue"}), (alice, {"blue", "green"})):
        async with watching(person, "?last_event_id=0") as stream:
            found = await stream.until("image.update", image=image, changed=["visibility"])
            assert {told.data.get("member") for told in found} - {None} == wanted
    # Of a deleted image the same: its members went with it.
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    async with watching(bob, "?last_event_id=0") as stream:
        found = await stream.until("image.delete", image=image)
        assert {told.data.get("member") for told in found} - {None} == {"blue"}


@pytest.mark.every_database
async def test_it_goes_on_where_it_was_left(service: Service, start: Start, alice: Person) -> None:
    async with watching(alice) as before:
        first = (await alice.create())["id"]
        await before.until("image.create", image=first)
    other = await start()  # another node on the same database
    missed = [(await alice.create())["id"] for _ in range(3)]
    elsewhere = other.person("red")
    async with watching(elsewhere, **{"Last-Event-ID": str(before.last)}) as after:
        found = await after.until("image.create", image=missed[-1])
    assert [told.data["image"] for told in found] == missed
    async with watching(elsewhere, f"?last_event_id={before.last}&image={missed[1]}") as one:
        assert await alice.upload(missed[1], b"data") == 204
        found = await one.until("image.update", status="active")
    assert {told.data["image"] for told in found} == {missed[1]}


@pytest.mark.every_database
async def test_what_is_purged_is_said_to_be_missing(service: Service, alice: Person) -> None:
    for _ in range(3):
        await alice.create()
    assert await database(service).write(events.purge, now() + timedelta(hours=1), 100, 1000) >= 3
    image = (await alice.create())["id"]
    first = await database(service).read(events.first)
    async with watching(alice, **{"Last-Event-ID": str(first - 2)}) as stream:
        found = await stream.until("image.create", image=image)
    assert found[0].kind == "missed"
    # Of a number that never was (another database), the reader is told the same.
    async with watching(alice, **{"Last-Event-ID": "999999999"}) as stream:
        told = await stream.next()
        assert told is not None
        assert told.kind == "missed"


@pytest.mark.every_database
async def test_rows_are_bounded(start: Start) -> None:
    service = await start(jobs=Jobs(workers=0))
    alice = service.person("red")
    for _ in range(5):
        await alice.create()
    db = database(service)
    last = await db.read(events.last)
    long_ago = now() - timedelta(days=1)
    assert await db.write(events.purge, long_ago, 1000, 100) == 0
    assert await db.write(events.purge, long_ago, 2, 100) >= 3
    assert [one.id for one in await db.read(events.select_after, 0, 10)] == [last - 1, last]


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "1" * 30, "\u0661"])
async def test_bad_numbers(alice: Person, number: str) -> None:
    answer = await alice("GET", "/v2/events", params={"last_event_id": number})
    assert answer.status == 400


async def test_the_rule(start: Start, tmp_path: Any) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('"get_events": "role:admin"\n')
    service = await start(identity=Identity(flavor="trusted-headers", policy_file=file))
    assert (await service.person("red")("GET", "/v2/events")).status == 403
    async with watching(service.person("ops", "admin,member,reader")):
        pass


async def test_jobs_and_their_progress(start: Start) -> None:
    service = await start(jobs=Jobs(workers=2))
    catalog: Catalog = service.client.app[keys.catalog]
    go_on = asyncio.Event()

    async def work(job: Work) -> None:
        job.progress(10, 100)
        await go_on.wait()

    catalog.jobs.register(JobKind("test", work))
    alice, bob = service.person("red"), service.person("blue")
    image = (await alice.create(visibility="community"))["id"]
    async with watching(alice) as mine, watching(bob) as his:
        await catalog.jobs.submit(JobDraft("test", image_id=image, project="red"))
        found = await mine.until("job.progress")
        assert {told.kind for told in found} == {"job.queued", "job.running", "job.progress"}
        assert found[-1].data == {
            "job": found[0].data["job"], "job_kind": "test", "image": image,
            "bytes_done": 10, "bytes_total": 100,
        }  # fmt: skip
        assert found[-1].id is None
        go_on.set()
        await mine.until("job.done")
        # He sees the image, but what another project has done with it is not his.
        assert await alice.upload(image, b"data") == 204
        heard = await his.until("image.update", image=image, status="active")
        assert not [told for told in heard if told.kind.startswith("job.")]


async def test_streams_end_with_the_process_and_in_time(
    service: Service, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = asyncio.Event()
    service.client.app._state[ENDING] = ending
    async with watching(alice) as stream:
        ending.set()
        assert await stream.next() is None
    ending.clear()
    monkeypatch.setattr(route, "LONGEST", 0.1)
    async with watching(alice) as stream:
        assert await stream.next() is None


async def test_a_reader_that_reads_nothing_is_let_go(
    service: Service, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not take is left in the database; after a while so is it."""
    catalog: Catalog = service.client.app[keys.catalog]
    for project in ["red"] * 64:
        catalog.events._readers[project] += 1
    answer = await alice("GET", "/v2/events")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")


def event(number: int, age: timedelta = timedelta(0)) -> Event:
    return Event(number, now() - age, "image.update", None, None, None, {})


def test_numbers_that_come_late() -> None:
    position = Position(10)
    assert [one.id for one in position.advance([event(11), event(13)], now())] == [11, 13]
    assert position.settled == 11
    # 12 was written by a transaction that ended later.
    assert [one.id for one in position.advance([event(12), event(13)], now())] == [12]
    assert (position.settled, position.seen) == (13, set())
    # 14 was never to come: nobody waits for it for ever.
    assert [one.id for one in position.advance([event(15)], now())] == [15]
    assert position.settled == 13
    assert position.advance([event(15, 2 * LATE)], now()) == []
    assert position.settled == 15
