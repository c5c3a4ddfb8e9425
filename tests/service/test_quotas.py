"""Quotas of projects: what fits passes, and of many at once no more than fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from imagestore.catalog.limits import MIB, require_room
from imagestore.config.settings import Identity, Jobs, KeystoneLimits, Limits
from imagestore.database.schema import reservations
from imagestore.model.errors import OverLimit
from tests.identity.keystone.conftest import settings as account
from tests.service.conftest import OCTETS, Person, Service, Start
from tests.service.faults import database
from tests.services.keystone import PROJECTS, Keystone

DEMO, OTHER = PROJECTS["demo"], PROJECTS["other"]
NAMES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")


async def reserved(service: Service) -> int:
    count = select(func.count()).select_from(reservations)
    return int(await database(service).read(lambda conn: conn.scalar(count)))


async def chunks(data: bytes, begun: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """``data`` without its length being said."""
    for place in range(0, len(data), 1000):
        yield data[place : place + 1000]
        await asyncio.sleep(0)


@pytest.mark.every_database
async def test_of_twenty_uploads_on_two_nodes_one_fits(start: Start) -> None:
    limits = Limits(user_storage_quota=15_000)
    nodes = [await start(limits=limits), await start(limits=limits)]
    alice = nodes[0].person("red")
    images = [(await alice.create())["id"] for _ in range(20)]
    data = b"x" * 10_000
    statuses = await asyncio.gather(
        *(
            nodes[number % 2].person("red").upload(image, data if number % 4 < 2 else chunks(data))
            for number, image in enumerate(images)
        )
    )
    assert statuses.count(204) <= 1
    assert {*statuses} <= {204, 413}
    active = [each for each in images if (await alice.show(each))["status"] == "active"]
    assert len(active) == statuses.count(204)
    assert nodes[0].files() == {*active}
    assert await reserved(nodes[0]) == 0
    if not active:  # each had a part of it; alone one fits
        assert await alice.upload(images[0], data) == 204
    bob = nodes[0].person("blue")
    assert await bob.upload((await bob.create())["id"], data) == 204


@pytest.mark.every_database
async def test_of_twenty_uploads_of_known_size_exactly_one_fits(start: Start) -> None:
    limits = Limits(user_storage_quota=15_000)
    nodes = [await start(limits=limits), await start(limits=limits)]
    alice = nodes[0].person("red")
    images = [(await alice.create())["id"] for _ in range(20)]
    statuses = await asyncio.gather(
        *(
            nodes[number % 2].person("red").upload(image, b"x" * 10_000)
            for number, image in enumerate(images)
        )
    )
    assert sorted(statuses) == [204] + [413] * 19


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.every_database
async def test_the_last_byte_that_fits(start: Start, known: bool) -> None:
    service = await start(limits=Limits(user_storage_quota=10_000))
    alice = service.person("red")

    async def upload(size: int) -> int:
        data = b"x" * size
        image = (await alice.create())["id"]
        return await alice.upload(image, data if known else chunks(data))

    assert await upload(10_001) == 413
    assert service.files() == set()
    assert await upload(4000) == 204
    assert await upload(6001) == 413
    assert await upload(6000) == 204
    assert await upload(1) == 413
    assert await reserved(service) == 0
    images = (await (await alice("GET", "/v2/images?status=active")).json())["images"]
    assert (await alice("DELETE", f"/v2/images/{images[0]['id']}")).status == 204
    assert await upload(images[0]["size"]) == 204


async def stage(person: Person, image: str, data: Any) -> int:
    path = f"/v2/images/{image}/stage"
    return (await person("PUT", path, data=data, headers=OCTETS)).status


async def imported(person: Person, image: str, *stores: str) -> int:
    body = {"method": {"name": "glance-direct"}, "stores": list(stores)}
    answer = await person("POST", f"/v2/images/{image}/import", json=body)
    if answer.status == 202:
        async with asyncio.timeout(60):
            while (await person.show(image))["status"] == "importing":
                await asyncio.sleep(0.05)
    return answer.status


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.every_database
async def test_of_many_stagings_at_once_no_more_than_fit(start: Start, known: bool) -> None:
    limits = Limits(user_storage_quota=15_000)
    nodes = [await start(limits=limits), await start(limits=limits)]
    people = [node.person("red") for node in nodes]
    images = [(await people[0].create())["id"] for _ in range(10)]
    data = b"x" * 10_000
    statuses = await asyncio.gather(
        *(
            stage(people[number % 2], image, data if known else chunks(data))
            for number, image in enumerate(images)
        )
    )
    assert {*statuses} <= {204, 413}
    assert statuses.count(204) == 1 if known else statuses.count(204) <= 1
    assert await reserved(nodes[0]) == 0


async def test_staged_bytes_count_until_they_are_imported_or_gone(start: Start) -> None:
    service = await start(limits=Limits(user_storage_quota=15_000), jobs=Jobs(workers=2))
    alice = service.person("red")
    first, second, third = [(await alice.create())["id"] for _ in range(3)]
    assert await stage(alice, first, b"x" * 10_000) == 204
    # At every door the rest is what is left.
    assert await stage(alice, second, b"x" * 5_001) == 413
    assert await stage(alice, second, chunks(b"x" * 5_001)) == 413
    assert await alice.upload(second, b"x" * 5_001) == 413
    assert await stage(alice, second, b"x" * 5_000) == 204
    assert await alice.upload(third, b"x") == 413
    assert await imported(alice, first, "file1", "file2") == 413
    assert await imported(alice, first, "file1") == 202
    assert (await alice.show(first))["status"] == "active"
    assert await alice.upload(third, b"x") == 413
    assert (await alice("DELETE", f"/v2/images/{second}")).status == 204
    assert await alice.upload(third, b"x" * 5_000) == 204
    assert await reserved(service) == 0


async def test_what_a_413_says(start: Start) -> None:
    """Which limit it is, how much of it is used, and how much more was asked for."""
    limits = Limits(
        user_storage_quota=10_000,
        image_property_quota=2,
        image_tag_quota=1,
        image_member_quota=1,
        image_location_quota=0,
    )
    service = await start(limits=limits)
    alice = service.person("red")

    async def said(method: str, path: str, **arguments: Any) -> str:
        answer = await alice(method, path, **arguments)
        assert answer.status == 413, path
        return await answer.text()

    def wanted(name: str, limit: str, used: str, asked: str) -> str:
        return f"The limit {name} is exceeded: it is {limit}, {used} of it used, and {asked} more"

    first = (await alice.create(tags=["a"], one="1", two="2"))["id"]
    assert await alice.upload(first, b"x" * 4_000) == 204
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}"
    bytes_ = "10000 bytes", "4000 bytes"
    for door in ("file", "stage"):
        found = await said("PUT", f"{path}/{door}", data=b"x" * 6_001, headers=OCTETS)
        assert wanted("user_storage_quota", *bytes_, "6001 bytes") in found
        found = await said("PUT", f"{path}/{door}", data=chunks(b"x" * 7_000), headers=OCTETS)
        assert "user_storage_quota is exceeded: it is 10000 bytes, 4000 bytes of it used" in found
    draft = {"one": "1", "two": "2", "three": "3"}
    found = await said("POST", "/v2/images", json=draft)
    assert wanted("image_property_quota", "2", "0", "3") in found
    found = await said("PUT", f"/v2/images/{first}/tags/b")
    assert wanted("image_tag_quota", "1", "1", "1") in found
    members = f"/v2/images/{first}/members"
    assert (await alice("POST", members, json={"member": "blue"})).status == 200
    found = await said("POST", members, json={"member": "green"})
    assert wanted("image_member_quota", "1", "1", "1") in found


def test_numbers_are_told_in_the_unit_of_the_limit() -> None:
    with pytest.raises(OverLimit) as raised:
        require_room("image_size_total", 10 * MIB, 9 * MIB + MIB // 2, MIB // 2 + 1, "MiB")
    assert raised.value.message == (
        "The limit image_size_total is exceeded: it is 10 MiB, 9.5 MiB of it used, "
        "and 0.500001 MiB more asked for."
    )
    require_room("image_size_total", 10 * MIB, 9 * MIB, MIB, "MiB")


@pytest.mark.every_database
async def test_a_reservation_outlives_the_image_but_not_its_upload(start: Start) -> None:
    """Deleting images while they are uploaded does not make room (CVE-2014-9623)."""
    service = await start(limits=Limits(user_storage_quota=10_000))
    alice = service.person("red")
    image = (await alice.create())["id"]
    first, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 8000
        first.set()
        await go_on.wait()
        yield b"y"

    upload = asyncio.create_task(alice.upload(image, slow(), **{"x-openstack-image-size": "8001"}))
    await first.wait()

    async def begun() -> bool:
        return (await alice.show(image))["status"] == "saving"

    async with asyncio.timeout(30):
        while not await begun():
            await asyncio.sleep(0.02)
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    other = (await alice.create())["id"]
    assert await alice.upload(other, b"z" * 8000) == 413
    go_on.set()
    assert await upload == 410
    assert service.files() == set()
    assert await reserved(service) == 0
    assert await alice.upload(other, b"z" * 8000) == 204


class Registered:
    """An image service at Keystone with registered limits."""

    def __init__(self, keystone: Keystone) -> None:
        self._keystone = keystone
        self.region = keystone.region("http://images.invalid")
        (self.endpoint,) = (
            each
            for each in keystone.call("GET", f"/endpoints?region_id={self.region}")["endpoints"]
            if each["url"] == "http://images.invalid" and each["interface"] == "public"
        )

    def register(self, **defaults: int) -> None:
        self._post("registered_limits", "default_limit", defaults)

    def limit(self, project: str, **limits: int) -> None:
        self._post("limits", "resource_limit", limits, project_id=project)

    def _post(self, kind: str, value: str, numbers: dict[str, int], **more: str) -> None:
        where = {"service_id": self.endpoint["service_id"], "region_id": self.region}
        bodies = [
            {**where, "resource_name": name, value: number, **more}
            for name, number in numbers.items()
        ]
        self._keystone.call("POST", f"/{kind}", {kind: bodies})

    def settings(self, keystone: Keystone, **changes: Any) -> dict[str, Any]:
        known = KeystoneLimits(account(keystone, **changes), endpoint_id=self.endpoint["id"])
        return {
            "identity": Identity(flavor="trusted-headers", keystone_limits=known),
            # Glance's older option is none beside them.
            "limits": Limits(use_keystone_limits=True, user_storage_quota=1),
        }


@pytest.fixture
def registered(keystone: Keystone) -> Iterator[Registered]:
    yield Registered(keystone)


def unlimited(**limits: int) -> dict[str, int]:
    return dict.fromkeys(NAMES, -1) | limits


async def usage(person: Person) -> dict[str, dict[str, int]]:
    answer = await person("GET", "/v2/info/usage")
    assert answer.status == 200, await answer.text()
    found: dict[str, dict[str, int]] = (await answer.json())["usage"]
    return found


@pytest.mark.every_database
async def test_limits_of_keystone(start: Start, keystone: Keystone, registered: Registered) -> None:
    registered.register(**unlimited(image_count_total=3, image_size_total=2))
    registered.limit(OTHER, image_count_total=1, image_size_total=-1)
    service = await start(**registered.settings(keystone))
    demo, other = service.person(DEMO), service.person(OTHER)
    images = [(await demo.create())["id"] for _ in range(3)]
    assert (await demo("POST", "/v2/images", json={})).status == 413
    await other.create()
    assert (await other("POST", "/v2/images", json={})).status == 413

    assert await demo.upload(images[0], b"x" * MIB) == 204
    assert await demo.upload(images[1], b"x" * (MIB + 1)) == 413
    assert await demo.upload(images[1], b"x" * MIB) == 204
    assert await demo.upload(images[2], b"x") == 413
    assert await usage(demo) == {
        "image_size_total": {"usage": 2, "limit": 2},
        "image_stage_total": {"usage": 0, "limit": -1},
        "image_count_total": {"usage": 3, "limit": 3},
        "image_count_uploading": {"usage": 0, "limit": -1},
    }
    assert (await demo("DELETE", f"/v2/images/{images[0]}")).status == 204
    assert await demo.upload(images[2], b"x") == 204


@pytest.mark.every_database
async def test_of_twenty_at_once_on_two_nodes(
    start: Start, keystone: Keystone, registered: Registered
) -> None:
    registered.register(**unlimited(image_count_total=6, image_count_uploading=1))
    settings = registered.settings(keystone)
    nodes = [await start(**settings), await start(**settings)]
    people = [node.person(DEMO) for node in nodes]
    for _ in range(5):
        await people[0].create()
    answers = await asyncio.gather(
        *(people[number % 2]("POST", "/v2/images", json={}) for number in range(20))
    )
    assert sorted(answer.status for answer in answers) == [201] + [413] * 19


async def test_uploads_at_once(start: Start, keystone: Keystone, registered: Registered) -> None:
    registered.register(**unlimited(image_count_uploading=1))
    service = await start(**registered.settings(keystone))
    demo = service.person(DEMO)
    images = [(await demo.create())["id"] for _ in range(2)]
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await go_on.wait()

    upload = asyncio.create_task(demo.upload(images[0], slow()))
    async with asyncio.timeout(30):
        while (await usage(demo))["image_count_uploading"]["usage"] != 1:
            await asyncio.sleep(0.02)
    assert await demo.upload(images[1], b"y") == 413
    go_on.set()
    assert await upload == 204
    assert await demo.upload(images[1], b"y") == 204


async def test_what_is_not_registered_is_nothing(
    start: Start, keystone: Keystone, registered: Registered
) -> None:
    service = await start(**registered.settings(keystone))
    assert (await service.person(DEMO)("POST", "/v2/images", json={})).status == 413


async def test_keystone_is_gone(start: Start, own_keystone: Keystone, tmp_path: Path) -> None:
    registered = Registered(own_keystone)
    registered.register(**unlimited())
    service = await start(**registered.settings(own_keystone, http_connect_timeout=2))
    demo, other = service.person(DEMO), service.person(OTHER)
    image = (await demo.create())["id"]
    own_keystone.stop()
    answer = await other("POST", "/v2/images", json={})
    assert answer.status == 503, await answer.text()
    assert int(answer.headers["Retry-After"]) > 0
    assert (await other("GET", "/v2/info/usage")).status == 503
    assert (await other("GET", "/v2/images")).status == 200
    assert (await demo.show(image))["status"] == "queued"


async def test_usage_without_limits(start: Start) -> None:
    service = await start(limits=Limits(user_storage_quota=10_000))
    alice = service.person("red")
    assert await usage(alice) == {}
    assert (await alice("GET", "/v2/info/usage", json={})).status == 400
    assert (await alice("POST", "/v2/info/usage")).status == 405


async def test_many_ask_keystone_once(
    start: Start, keystone: Keystone, registered: Registered
) -> None:
    registered.register(**unlimited())
    service = await start(**registered.settings(keystone))
    demo = service.person(DEMO)
    before = len(asked(keystone))
    await asyncio.gather(*(demo.create() for _ in range(20)))
    assert asked(keystone)[before:].count("/v3/registered_limits") == 1
    other = replace(demo, project=OTHER)
    await other.create()
    assert asked(keystone)[before:].count("/v3/registered_limits") == 2


def asked(keystone: Keystone) -> list[str]:
    lines = (keystone.directory / "requests.log").read_text().splitlines()
    return [line.split()[1] for line in lines]
