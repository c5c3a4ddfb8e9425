"""Locations: by PATCH, and by the call of their own; whose bytes may become an image."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from imagestore.api import keys
from imagestore.backends.http.rules import AddressRules
from imagestore.config.settings import Images, Limits, Settings, Stores, StoreSection
from imagestore.database import images, locations
from imagestore.model.image import REFUSED_LOCATION
from imagestore.model.job import JobState
from tests.hostile_urls import ANYWHERE
from tests.service.conftest import DRAFT, Person, Service, Start, settings_in

DATA = b"the bytes of an image" * 1000
LABELLED = "http://example.org/#fragment"
"""Clients tell equal locations apart by such; what is fetched is what is before it."""


@dataclass
class Web:
    """Somebody's web server."""

    port: int
    asked: list[str]
    down: bool = False

    def url(self, path: str = "data") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    site = Web(0, [])

    async def answer(request: web.Request) -> web.Response:
        site.asked.append(f"{request.method} {request.path}")
        if site.down:
            return web.Response(status=503)
        bodies = {"data": DATA, "again": DATA, "other": DATA[::-1], "short": DATA[1:], "none": b""}
        body = bodies.get(request.match_info["name"])
        if body is None:
            return web.Response(status=404)
        labels = {"Content-Encoding": "gzip"} if "labelled" in request.query else {}
        return web.Response(body=body, headers=labels)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    server = TestServer(app)
    await server.start_server()
    assert server.port is not None
    site.port = server.port
    yield site
    await server.close()


def settings(base: Settings, site: Web, **images: Any) -> dict[str, Any]:
    """A store for HTTP beside the others, and leave to read from the site."""
    rules = {
        "http_store_allowed_hosts": ("127.0.0.1",),
        "http_store_allowed_ports": (str(site.port),),
    }
    stores = base.stores
    sections = (*stores.sections, StoreSection("web", "http", rules))
    return {
        "stores": Stores(sections, stores.default, multiple=True, reserved=stores.reserved),
        "import_filter": AddressRules(allowed_hosts=("127.0.0.1",), allowed_ports=(site.port,)),
        "images": Images(**images),
    }


@pytest.fixture
async def served(start: Start, site: Web, tmp_path: Any) -> Service:
    return await start(
        **settings(settings_in(tmp_path), site, show_multiple_locations=True),
        limits=Limits(image_location_quota=3),
    )


def add(url: str, **more: Any) -> dict[str, Any]:
    return {"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}} | more}


def hashes(data: bytes = DATA, algorithm: str = "sha512") -> dict[str, str]:
    return {"os_hash_algo": algorithm, "os_hash_value": hashlib.new(algorithm, data).hexdigest()}


async def settled(service: Service, image: str) -> list[JobState]:
    """The states of all jobs of the image, when none is active any more."""
    jobs = service.client.app[keys.catalog].jobs
    async with asyncio.timeout(60):
        while True:
            states = [job.state for job in await jobs.list(image_id=image)]
            if not {JobState.QUEUED, JobState.RUNNING} & {*states}:
                return states
            await asyncio.sleep(0.05)


async def data_of(person: Person, image: str) -> bytes:
    return await (await person("GET", f"/v2/images/{image}/file")).read()


async def only_task(person: Person, image: str) -> dict[str, Any]:
    """The one task that the image has."""
    (task,) = (await (await person("GET", f"/v2/images/{image}/tasks")).json())["tasks"]
    assert isinstance(task, dict)
    return task


async def test_a_first_location_makes_the_image_active(served: Service, site: Web) -> None:
    alice = served.person("red")
    image = (await alice.create())["id"]
    answer = await alice.patch(image, add(site.url(), metadata={"a": "b", "store": "file1"}))
    assert answer.status == 200, await answer.text()
    shown = await answer.json()
    assert (shown["status"], shown["size"], shown["stores"]) == ("active", len(DATA), "web")
    assert shown["locations"] == [{"url": site.url(), "metadata": {"a": "b", "store": "web"}}]
    assert await data_of(alice, image) == DATA
    assert await settled(served, image) == [JobState.DONE]
    shown = await alice.show(image)
    assert shown["os_hash_value"] == hashes()["os_hash_value"]
    assert shown["checksum"] == hashlib.md5(DATA).hexdigest()
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204


@pytest.mark.parametrize("door", ["patch", "locations"])
async def test_what_is_labelled_as_encoded(served: Service, site: Web, door: str) -> None:
    """Many servers label a ``.gz`` so: size, hash and data are of the bytes as they come."""
    alice = served.person("red")
    image, url = (await alice.create())["id"], site.url("data?labelled")
    if door == "patch":
        assert (await alice.patch(image, add(url))).status == 200
    else:
        path = f"/v2/images/{image}/locations"
        assert (await alice("POST", path, json={"url": url})).status == 202
    assert await settled(served, image) == [JobState.DONE] * (1 if door == "patch" else 2)
    shown = await alice.show(image)
    assert (shown["status"], shown["size"]) == ("active", len(DATA))
    assert shown["os_hash_value"] == hashes()["os_hash_value"]
    assert await data_of(alice, image) == DATA


async def test_further_locations_count_when_their_bytes_are_the_same(
    served: Service, site: Web
) -> None:
    alice = served.person("red")
    image = (await alice.create())["id"]
    await alice.upload(image, DATA)
    assert (await alice.patch(image, add(site.url("short")))).status == 400
    assert (await alice.patch(image, add(site.url("again")))).status == 200
    assert (await alice.patch(image, add(site.url("again")))).status == 400  # twice
    assert (await alice.patch(image, add(site.url("other")))).status == 200
    assert (await alice.patch(image, add(site.url("data")))).status == 413  # a fourth
    assert sorted(await settled(served, image)) == [JobState.DONE, JobState.FAILED]
    shown = await alice.show(image)
    assert [each["url"] for each in shown["locations"][1:]] == [site.url("again")]
    preferred = await alice("GET", f"/v2/images/{image}/file?prefer=web")
    assert await preferred.read() == DATA


async def test_bytes_that_are_not_compared_yet_are_not_read(
    start: Start, site: Web, tmp_path: Any
) -> None:
    from imagestore.config.settings import Jobs

    changes = settings(settings_in(tmp_path), site, show_multiple_locations=True)
    served = await start(**changes, jobs=Jobs(workers=0))
    alice = served.person("red")
    image = (await alice.create())["id"]
    await alice.upload(image, DATA)
    assert (await alice.patch(image, add(site.url("other")))).status == 200
    site.asked.clear()
    preferred = await alice("GET", f"/v2/images/{image}/file?prefer=web")
    assert await preferred.read() == DATA
    assert site.asked == []
    # It has its place in the list all the same: that is how a PATCH names it.
    shown = await alice.show(image)
    assert [each["url"] for each in shown["locations"]][1:] == [site.url("other")]
    assert "web" not in shown["stores"]
    service = served.person("red", "service")
    listed = await (await service("GET", f"/v2/images/{image}/locations")).json()
    assert site.url("other") not in [each["url"] for each in listed]


async def test_the_only_location_that_is_verified_stays(
    start: Start, site: Web, tmp_path: Any
) -> None:
    """Else the image could not be read, for ever if the other one proves to have other bytes."""
    from imagestore.config.settings import Jobs

    changes = settings(settings_in(tmp_path), site, show_multiple_locations=True)
    served = await start(**changes, jobs=Jobs(workers=0))
    alice, admin = served.person("red"), served.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    await alice.upload(image, DATA)
    assert (await alice.patch(image, add(site.url("again")))).status == 200
    remove = {"op": "remove", "path": "/locations/0"}
    answer = await admin.patch(image, remove)
    assert (answer.status, "not verified yet" in await answer.text()) == (409, True)
    answer = await admin("DELETE", f"/v2/stores/file1/{image}")
    assert (answer.status, "not verified yet" in await answer.text()) == (409, True)
    assert await data_of(alice, image) == DATA
    # The other way about, and when it is verified.
    assert (await admin.patch(image, remove | {"path": "/locations/1"})).status == 200
    assert (await alice.patch(image, add(site.url("again")))).status == 200
    database = served.client.app[keys.catalog].jobs.database
    row = await database.read(images.get, image)
    assert row is not None
    await database.write(locations.set_status, row.image.locations[-1].id, "active")
    assert (await admin.patch(image, remove)).status == 200
    assert await data_of(alice, image) == DATA


async def test_while_there_is_no_hash_what_is_left_is_trusted(
    start: Start, site: Web, tmp_path: Any
) -> None:
    """As with Glance, whose clients remove the first location right after they added another."""
    from imagestore.config.settings import Jobs

    changes = settings(settings_in(tmp_path), site, show_multiple_locations=True)
    served = await start(**changes, jobs=Jobs(workers=0))
    alice, admin = served.person("red"), served.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    assert (await alice.patch(image, add(site.url("again")))).status == 200
    assert (await alice.patch(image, add(site.url("other")))).status == 200
    shown = await alice.show(image)
    assert (shown["status"], shown["os_hash_value"]) == ("active", None)
    remove = {"op": "remove", "path": "/locations/0"}
    assert (await admin.patch(image, remove)).status == 200
    shown = await alice.show(image)
    assert [each["url"] for each in shown["locations"]] == [site.url("other")]
    assert len(await data_of(alice, image)) == shown["size"]
    assert (await admin.patch(image, remove)).status == 403


async def test_damaged_copies_are_not_listed_and_cannot_be_named(
    served: Service, site: Web
) -> None:
    alice, admin = served.person("red"), served.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    await alice.upload(image, DATA)
    assert (await alice.patch(image, add(site.url("again")))).status == 200
    await settled(served, image)
    database = served.client.app[keys.catalog].jobs.database
    row = await database.read(images.get, image)
    assert row is not None
    await database.write(locations.set_status, row.image.locations[0].id, locations.DAMAGED)
    assert [each["url"] for each in (await alice.show(image))["locations"]] == [site.url("again")]
    remove = {"op": "remove", "path": "/locations/0"}
    assert (await admin.patch(image, remove)).status == 403  # the last that can be read


async def test_replace_and_remove(served: Service, site: Web) -> None:
    alice, admin = served.person("red"), served.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    one, two = site.url("data"), site.url("again")
    whole = {"op": "replace", "path": "/locations"}
    assert (await alice.patch(image, whole | {"value": []})).status == 403
    first = [{"url": one, "metadata": {}}, {"url": two, "metadata": {}}]
    answer = await alice.patch(image, whole | {"value": first})
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["status"] == "active"
    other = [{"url": site.url("other"), "metadata": {}}]
    assert (await alice.patch(image, whole | {"value": other})).status == 400
    renamed = [{"url": one, "metadata": {"speed": "88mph"}}, {"url": two, "metadata": {}}]
    answer = await alice.patch(image, whole | {"value": renamed})
    assert (await answer.json())["locations"][0]["metadata"]["speed"] == "88mph"
    remove = {"op": "remove", "path": "/locations/0"}
    assert (await alice.patch(image, remove)).status == 403
    assert (await admin.patch(image, remove | {"path": "/locations/7"})).status == 400
    await settled(served, image)
    assert (await admin.patch(image, remove)).status == 200
    assert (await admin.patch(image, remove)).status == 403
    assert [each["url"] for each in (await alice.show(image))["locations"]] == [two]


async def test_removing_a_location_removes_its_bytes(served: Service, site: Web) -> None:
    alice, admin = served.person("red"), served.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    await alice.upload(image, DATA)
    await alice.patch(image, add(site.url("again")))
    await settled(served, image)
    assert served.files() == {image}
    answer = await admin.patch(image, {"op": "remove", "path": "/locations/0"})
    assert answer.status == 200, await answer.text()
    assert served.files() == set()
    assert await data_of(alice, image) == DATA


async def test_validation_data_by_patch(served: Service, site: Web) -> None:
    alice = served.person("red")
    for said, status in (
        (hashes(algorithm="sha256"), 409),
        ({"os_hash_algo": "sha512", "os_hash_value": "ab"}, 409),
        ({"os_hash_algo": "sha512", "os_hash_value": "x" * 128}, 409),
        (hashes() | {"checksum": "z" * 32}, 409),
        ({"os_hash_algo": "sha512"}, 400),
        (hashes() | {"more": "1"}, 400),
    ):
        image = (await alice.create())["id"]
        answer = await alice.patch(image, add(site.url(), validation_data=said))
        assert answer.status == status, said
        assert (await alice.show(image))["status"] == "queued"
    answer = await alice.patch(image, add(site.url(), validation_data=hashes()))
    assert (await answer.json())["os_hash_value"] == hashes()["os_hash_value"]
    again = add(site.url("again"), validation_data=hashes(b"else"))
    assert (await alice.patch(image, again)).status == 409
    assert (
        await alice.patch(image, add(site.url("again"), validation_data=hashes()))
    ).status == 200


async def test_hidden_locations_cannot_be_changed(start: Start, site: Web, tmp_path: Any) -> None:
    served = await start(**settings(settings_in(tmp_path), site))
    alice = served.person("red")
    image = (await alice.create())["id"]
    assert (await alice.patch(image, add(site.url()))).status == 403
    assert "locations" not in await alice.show(image)
    assert site.asked == []


def doors(image: str) -> list[tuple[str, str, Any]]:
    """Every way by which a caller may name a URL: method, path, and a body made of it."""
    whole = {"op": "replace", "path": "/locations"}
    return [
        ("PATCH", f"/v2/images/{image}", lambda url: [add(url)]),
        (
            "PATCH",
            f"/v2/images/{image}",
            lambda url: [whole | {"value": [{"url": url, "metadata": {}}]}],
        ),
        ("POST", f"/v2/images/{image}/locations", lambda url: {"url": url}),
    ]


@pytest.mark.parametrize("roles", ["member,reader", "service,member,reader"])
async def test_hostile_urls(start: Start, tmp_path: Any, roles: str) -> None:
    from tests.service.conftest import PATCH

    stores = settings_in(tmp_path).stores
    sections = (*stores.sections, StoreSection("web", "http"))
    served = await start(
        stores=Stores(sections, stores.default, multiple=True),
        images=Images(show_multiple_locations=True),
    )
    caller = served.person("red", roles)
    image = (await caller.create())["id"]
    for method, path, body in doors(image):
        for url in ANYWHERE:
            if url == LABELLED or not url.isprintable() or "\udc80" in url:
                continue
            headers = PATCH if method == "PATCH" else {}
            answer = await caller(method, path, json=body(url), headers=headers)
            assert answer.status in (400, 403), (method, url, answer.status)
    shown = await caller.show(image)
    assert (shown["status"], shown["locations"]) == ("queued", [])


async def test_objects_of_others_and_local_files(served: Service, site: Web) -> None:
    alice, bob = served.person("red"), served.person("blue")
    admin = served.person("ops", "admin,service,member,reader")
    secret = (await bob.create(visibility="private"))["id"]
    await bob.upload(secret, b"secret")
    place = next((served.settings.data_dir / "file1").iterdir())
    taken = [each["url"] for each in (await bob.show(secret))["locations"]]
    for person in (alice, admin):
        image = (await person.create())["id"]
        for url in (
            *taken,
            f"file://{place}",
            f"filesystem://{place}",
            f"FILE://{place}",
            "file:///etc/passwd",
            "swift+config://ref/container/object",
            "rbd://fsid/images/victim/snap",
            f"rbd://fsid/images/victim/snap/{image}",
        ):
            answer = await person.patch(image, add(url))
            assert answer.status == 400, (url, await answer.text())
            path = f"/v2/images/{image}/locations"
            answer = await person("POST", path, json={"url": url})
            assert answer.status == (403 if person is alice else 400), url
        assert (await person.show(image))["status"] == "queued"
    assert await data_of(bob, secret) == b"secret"


async def test_the_call_of_its_own(served: Service, site: Web) -> None:
    alice, service = served.person("red"), served.person("any", "service")
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}/locations"
    answer = await alice("POST", path, json={"url": site.url(), "validation_data": hashes()})
    assert (answer.status, await answer.read()) == (202, b""), await answer.text()
    assert await settled(served, image) == [JobState.DONE]
    shown = await alice.show(image)
    assert (shown["status"], shown["size"]) == ("active", len(DATA))
    assert shown["os_hash_value"] == hashes()["os_hash_value"]
    assert shown["checksum"] == hashlib.md5(DATA).hexdigest()
    assert shown["virtual_size"] == len(DATA)
    assert await data_of(alice, image) == DATA
    assert (await alice("GET", path)).status == 403
    assert (await alice("POST", path, json={"url": site.url()})).status == 409
    admin = served.person("ops", "admin")
    found = await (await admin("GET", path)).json()
    assert found == [{"url": site.url(), "metadata": {"store": "web"}}]
    # A service of another project does not see what is shared with nobody.
    assert (await service("GET", path)).status == 404


async def test_without_a_hash_it_is_active_first(served: Service, site: Web) -> None:
    alice = served.person("red")
    image = (await alice.create())["id"]
    assert (
        await alice("POST", f"/v2/images/{image}/locations", json={"url": site.url()})
    ).status == 202
    assert await settled(served, image) == [JobState.DONE] * 2
    assert (await alice.show(image))["os_hash_value"] == hashes()["os_hash_value"]
    task = await only_task(alice, image)
    assert (task["type"], task["status"]) == ("location_import", "success")
    assert (task["result"], task["message"]) == ({"image_id": image}, "")
    # Whoever sees the image sees this.
    assert site.url() not in str(task)


async def test_hashes_are_believed_where_the_operator_says_so(
    start: Start, site: Web, tmp_path: Any
) -> None:
    served = await start(**settings(settings_in(tmp_path), site, do_secure_hash=False))
    alice = served.person("red")
    image = (await alice.create())["id"]
    body = {"url": site.url(), "validation_data": hashes(b"else")}
    assert (await alice("POST", f"/v2/images/{image}/locations", json=body)).status == 202
    assert await settled(served, image) == [JobState.DONE]
    assert (await only_task(alice, image))["status"] == "success"
    assert (await alice.show(image))["os_hash_value"] == hashes(b"else")["os_hash_value"]


@pytest.mark.parametrize("path", ["other", "missing", "none"])
async def test_a_location_that_is_not_what_was_said(served: Service, site: Web, path: str) -> None:
    alice = served.person("red")
    image = (await alice.create())["id"]
    body = {"url": site.url(path), "validation_data": hashes()}
    assert (await alice("POST", f"/v2/images/{image}/locations", json=body)).status == 202
    assert await settled(served, image) == [JobState.FAILED]
    shown = await alice.show(image)
    assert (shown["status"], shown["locations"], shown["os_hash_value"]) == ("queued", [], None)
    # The store of the refused location is named, and that is all that is left of it.
    assert shown["stores"] == "web"
    assert "refused" not in str(shown)
    assert site.url(path) not in str(shown)
    site.asked.clear()
    for query in ("", "?prefer=web"):
        assert (await alice("GET", f"/v2/images/{image}/file{query}")).status == 204
    assert site.asked == []
    task = await only_task(alice, image)
    assert task["status"] == "failure"
    assert task["message"]
    assert task["expires_at"]
    assert await alice.upload(image, b"something else") == 204
    assert (await alice.show(image))["stores"] == "file1"
    assert await data_of(alice, image) == b"something else"


async def test_a_refused_location_is_forgotten_with_the_next_data(
    served: Service, site: Web
) -> None:
    alice = served.person("red")
    octets = {"Content-Type": "application/octet-stream"}
    database = served.client.app[keys.catalog].jobs.database

    async def refused() -> str:
        image: str = (await alice.create())["id"]
        body = {"url": site.url("other"), "validation_data": hashes()}
        answer = await alice("POST", f"/v2/images/{image}/locations", json=body)
        assert answer.status == 202
        await settled(served, image)
        assert (await alice.show(image))["stores"] == "web"
        return image

    async def forgotten(image: str) -> bool:
        row = await database.read(images.get, image)
        assert row is not None
        return REFUSED_LOCATION not in row.image.properties

    image = await refused()
    path = f"/v2/images/{image}"
    good = {"url": site.url(), "validation_data": hashes()}
    assert (await alice("POST", f"{path}/locations", json=good)).status == 202
    await settled(served, image)
    assert await forgotten(image)
    assert await data_of(alice, image) == DATA

    image = await refused()
    path = f"/v2/images/{image}"
    assert (await alice("PUT", f"{path}/stage", data=b"x", headers=octets)).status == 204
    assert await forgotten(image)

    image = await refused()
    path = f"/v2/images/{image}"
    fetch = {"method": {"name": "web-download", "uri": site.url()}}
    assert (await alice("POST", f"{path}/import", json=fetch)).status == 202
    assert await forgotten(image)
    await settled(served, image)
    assert (await alice.show(image))["stores"] == "file1"

    image = await refused()
    answer = await alice.patch(image, add(site.url("other")))
    assert answer.status == 200, await answer.text()
    assert await forgotten(image)

    image = await refused()
    assert (await alice("DELETE", f"/v2/images/{image}")).status == 204
    assert (await alice("GET", f"/v2/images/{image}")).status == 404


async def test_only_one_thing_gives_an_image_its_bytes(
    start: Start, site: Web, tmp_path: Any
) -> None:
    from imagestore.config.settings import Jobs

    changes = settings(settings_in(tmp_path), site)
    waiting = await start(**changes, jobs=Jobs(workers=0))
    alice = waiting.person("red")
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}/locations"
    body = {"url": site.url(), "validation_data": hashes()}
    answers = await asyncio.gather(*(alice("POST", path, json=body) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409, 409]
    assert await alice.upload(image, b"x") == 409
    # The work outlives the process that took it on: another node does it.
    other = await start(**changes)
    await settled(other, image)
    assert (await other.person("red").show(image))["status"] == "active"


async def test_bodies_that_are_no_location(served: Service, site: Web) -> None:
    alice = served.person("red")
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}/locations"
    url = site.url()
    for body in (
        None, 1, "x", [], [{"url": url}], {}, {"url": None}, {"url": [url]},
        {"url": url, "validation_data": None}, {"url": url, "validation_data": []},
        {"url": url, "validation_data": {"os_hash_algo": "sha512"}},
        {"url": url, "validation_data": {"os_hash_algo": [], "os_hash_value": "00"}},
        {"url": url, "validation_data": {"os_hash_algo": "md4", "os_hash_value": "00"}},
        {"url": url, "validation_data": {"os_hash_algo": "md5", "os_hash_value": 0}},
        {"url": url, "validation_data": {"os_hash_algo": "md5", "os_hash_value": "00"}},
        {"url": url, "validation_data": hashes() | {"more": "x"}},
    ):  # fmt: skip
        answer = await alice("POST", path, json=body)
        assert answer.status == 400, body
    for value in (None, 1, "x", [], {}, {"url": url}, {"url": 1, "metadata": {}}):
        answer = await alice.patch(image, {"op": "add", "path": "/locations/-", "value": value})
        assert answer.status == 400, value
    bare = await alice("POST", "/v2/images", json={})
    empty = (await bare.json())["id"]
    assert (await alice("POST", f"/v2/images/{empty}/locations", json={"url": url})).status == 400
    assert (await alice.patch(empty, add(url))).status == 400
    assert DRAFT.keys() <= (await alice.show(image)).keys()
    assert (await served.person("blue")("POST", path, json={"url": url})).status == 404
    reader = served.person("red", "reader")
    assert (await reader("POST", path, json={"url": url})).status == 403
    assert (await alice("DELETE", path)).status == 405
