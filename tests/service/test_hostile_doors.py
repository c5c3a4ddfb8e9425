"""Every door that takes a URL, and names that lead inside: at once, later, or by a redirect.

What URLs say by their text alone is tried where the doors' own tests are
(:mod:`tests.service.test_tasks`, :mod:`tests.service.test_locations`). As targets of redirects,
and when they are read, all of them are tried at the driver, in ``tests/backends/http``.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohappyeyeballs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from imagestore.backends.http import AddressRules, guard
from imagestore.backends.http.addresses import Address, Reach, reach
from imagestore.config.settings import Images, Stores, StoreSection
from imagestore.database import locations
from imagestore.model.image import Location
from imagestore.model.job import JobState
from tests.database.samples import copies_of
from tests.hostile_urls import ADDRESSES, NAMES, ONE_OF_EACH_KIND
from tests.service.conftest import PATCH, Person, Service, Start, settings_in
from tests.service.faults import database
from tests.service.test_imports import start_import, tasks_of
from tests.service.test_locations import add, settled
from tests.service.test_tasks import create, ended, order

pytestmark = pytest.mark.parametrize("url", ["embedded"], indirect=True)

OUTSIDE = "127.0.0.200"
"""An address of this machine that plays a public one."""
MIRROR = "mirror.example"
DATA = b"the bytes of an image" * 1000


@dataclass
class Names:
    """What names stand for: each look-up takes the next answer, the last one stays."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    connected: list[tuple[str, int]] = field(default_factory=list)
    """Addresses and ports to which the service tried to connect, but for the tests' own."""


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The resolver of the system answers as it is told, and every connection is noticed."""
    names = Names()
    look_up, connect = socket.getaddrinfo, aiohappyeyeballs.start_connection

    def answer(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        known = names.answers.get(str(host).rstrip("."))
        if known is None:
            return look_up(host, port, *arguments, **more)
        found = known.pop(0) if len(known) > 1 else known[0]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port or 0))
            for each in found
        ]

    async def spy(addr_infos: Any, **more: Any) -> Any:
        names.connected += [info[4][:2] for info in addr_infos]
        return await connect(addr_infos, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(aiohappyeyeballs, "start_connection", spy)
    return names


@dataclass
class Site:
    port: int = 0
    redirect: str = ""

    def url(self) -> str:
        return f"http://{MIRROR}:{self.port}/image"


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """A server at an address that counts as public."""
    site = Site()

    async def answer(_: web.Request) -> web.Response:
        if site.redirect:
            return web.Response(status=302, headers={"Location": site.redirect})
        # A connection that stays open would be used again: it leads to what was checked.
        return web.Response(body=DATA, headers={"Connection": "close"})

    def reaches(address: Address) -> Reach:
        return Reach.PUBLIC if str(address) == OUTSIDE else reach(address)

    monkeypatch.setattr(guard, "reach", reaches)
    app = web.Application()
    app.router.add_get("/image", answer)
    async with TestServer(app, host=OUTSIDE) as server:
        site.port = server.port or 0
        yield site


@pytest.fixture
async def served(start: Start, site: Site, tmp_path: Any) -> Service:
    """All doors are open, under the default rules but for the port of the site."""
    stores = settings_in(tmp_path).stores
    rules = {"http_store_allowed_ports": ("80", "443", str(site.port))}
    sections = (*stores.sections, StoreSection("web", "http", rules))
    return await start(
        stores=Stores(sections, stores.default, multiple=True),
        images=Images(show_multiple_locations=True),
        import_filter=AddressRules(allowed_ports=(80, 443, site.port)),
    )


def doors(image: str) -> list[tuple[str, str, dict[str, str], Callable[[str], Any]]]:
    whole = {"op": "replace", "path": "/locations"}
    return [
        (
            "POST",
            f"/v2/images/{image}/import",
            {},
            lambda url: {"method": {"name": "web-download", "uri": url}},
        ),
        ("POST", "/v2/tasks", {}, order),
        ("PATCH", f"/v2/images/{image}", PATCH, lambda url: [add(url)]),
        (
            "PATCH",
            f"/v2/images/{image}",
            PATCH,
            lambda url: [whole | {"value": [{"url": url, "metadata": {}}]}],
        ),
        ("POST", f"/v2/images/{image}/locations", {}, lambda url: {"url": url}),
    ]


async def refused(
    served: Service, person: Person, image: str, door: Any, url: str, *expected: int
) -> str:
    """Ask at a door, which says no, or whose job does; what it says."""
    method, path, headers, body = door
    answer = await person(method, path, json=body(url), headers=headers)
    if answer.status == 202 and path.endswith("/locations"):
        assert set(await settled(served, image)) == {JobState.FAILED}, url
        messages = [task["message"] for task in await tasks_of(person, image)]
        assert (await person.show(image))["status"] == "queued", url
        return str(messages)
    assert answer.status in expected, (method, path, url, answer.status)
    return await answer.text()


def administrator(served: Service) -> Person:
    return served.person("ops", "admin,service,member,reader")


def tried(served: Service, names: Names) -> set[tuple[str, int]]:
    """Where the service tried to connect to."""
    return {each for each in names.connected if each[1] != served.client.port}


async def test_names_that_lead_inside(served: Service, names: Names) -> None:
    ops = administrator(served)
    image = (await ops.create())["id"]
    for address in ADDRESSES:
        names.answers = {
            "one.example": [[address]],
            "both.example": [["8.8.8.8", address]],
        }
        for url in ("http://one.example/x", "https://both.example/x"):
            for door in doors(image):
                assert address not in await refused(served, ops, image, door, url, 400)
    names.answers = {
        host: [["127.0.0.1"]]
        for host in (
            "localhost", "LOCALHOST", "inside.example.org", "xn--e1afmkfd.example",
            "0x7f000001.example.org", "a_b.example.org",
        )
    }  # fmt: skip
    for url in NAMES:
        for door in doors(image):
            await refused(served, ops, image, door, url, 400)
    assert tried(served, names) == set()
    assert (await ops.show(image))["status"] == "queued"


async def test_a_name_that_changes_before_the_import(served: Service, names: Names) -> None:
    """The door looks it up, and the fetch again: what is connected to is what was checked."""
    ops = administrator(served)
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1"):
        image = (await ops.create())["id"]
        names.answers = {"rebinding.example": [["8.8.8.8"], [address]]}
        body = {"method": {"name": "web-download", "uri": "http://rebinding.example/x"}}
        assert await start_import(ops, image, body) == 202
        (task,) = await tasks_of(ops, image)
        assert (await ended(ops, task["id"]))["status"] == "failure"
        names.answers = {"rebinding.example": [["8.8.8.8"], [address]]}
        status, task = await create(ops, order("http://rebinding.example/x"))
        assert status == 201
        done = await ended(ops, task["id"])
        assert done["status"] == "failure"
        assert "not allowed" in done["message"]
        assert address not in done["message"]
    assert tried(served, names) == set()
    assert served.files() == set()


async def test_a_name_that_changes_under_a_location(
    served: Service, names: Names, site: Site
) -> None:
    """It was good when it was added; each later read looks it up, and checks it, anew."""
    ops = administrator(served)
    names.answers = {MIRROR: [[OUTSIDE]]}
    images = []
    for by_patch in (True, False):
        image = (await ops.create())["id"]
        if by_patch:
            answer = await ops.patch(image, add(site.url()))
            assert answer.status == 200, await answer.text()
        else:
            path = f"/v2/images/{image}/locations"
            assert (await ops("POST", path, json={"url": site.url()})).status == 202
            assert JobState.FAILED not in await settled(served, image)
        images.append(image)
    for image in images:
        answer = await ops("GET", f"/v2/images/{image}/file")
        assert await answer.read() == DATA
    assert {host for host, _ in tried(served, names)} == {OUTSIDE}
    names.answers = {MIRROR: [["127.0.0.1"]]}
    names.connected.clear()
    for image in images:
        assert (await ops("GET", f"/v2/images/{image}/file")).status == 503
        body = {"method": {"name": "copy-image"}, "stores": ["file2"]}
        assert await start_import(ops, image, body) == 202
    assert "127.0.0.1" not in {host for host, _ in tried(served, names)}
    assert served.files() == set()


async def test_redirects_of_a_location(served: Service, names: Names, site: Site) -> None:
    ops = administrator(served)
    image = (await ops.create())["id"]
    names.answers = {MIRROR: [[OUTSIDE]], "inside.example.org": [["127.0.0.1"]]}
    for site.redirect in (*ONE_OF_EACH_KIND, "http://inside.example.org/"):
        for door in doors(image)[2:]:
            await refused(served, ops, image, door, site.url(), 400, 503)
    assert {host for host, _ in tried(served, names)} == {OUTSIDE}
    assert (await ops.show(image))["status"] == "queued"


async def test_locations_that_were_recorded_before(served: Service, names: Names) -> None:
    """By another service in the same tables, or under other rules: reading checks by itself."""
    ops = administrator(served)
    names.answers = {"inside.example.org": [["127.0.0.1"]]}
    for target in (*ONE_OF_EACH_KIND, "http://inside.example.org/"):
        image = (await ops.create())["id"]
        await ops.upload(image, b"x")
        await database(served).write(_lies_at, image, target)
        answer = await ops("GET", f"/v2/images/{image}/file")
        assert answer.status == 503, (target, answer.status)
    assert tried(served, names) == set()


def _lies_at(conn: Any, image: str, url: str) -> None:
    """The image has that location alone."""
    for location in copies_of(conn, image):
        assert location.id is not None
        locations.hide(conn, location.id)
    locations.add(conn, image, Location(url, {"store": "web"}))
