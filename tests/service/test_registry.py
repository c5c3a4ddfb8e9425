"""The registry of 2014: asked by the client that Glance had for it, and by others."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from imagestore.config.settings import Server
from imagestore.serving.ending import REGISTRY
from tests.served import free_port, serve
from tests.service.conftest import DRAFT, Person, Service, Start, settings_in
from tests.service.v1.conftest import reaching
from tests.service.web import Web, served_files
from tests.services import registry_client

SECRET = "sesame"
CALLS = Path(__file__).with_name("registry_calls.py")


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with served_files() as running:
        running.files["/disk"] = b"bytes"
        yield running


@pytest.fixture
async def service(start: Start, web: Web, tmp_path: Path) -> Service:
    return await start(
        server=Server(registry_secret=SECRET), **reaching(web, settings_in(tmp_path))
    )


@pytest.fixture
async def registry(service: Service) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(service.client.app[REGISTRY])) as client:
        client.session.headers["X-Auth-Token"] = SECRET
        yield client


@pytest.mark.service
async def test_every_call_of_the_client(registry: TestClient[Any, Any], web: Web) -> None:
    python = await asyncio.to_thread(registry_client.python)
    asked = await asyncio.create_subprocess_exec(
        python, CALLS, "127.0.0.1", str(registry.port), SECRET, f"{web.url}/disk",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await asked.communicate()
    found = json.loads(said)
    assert found["refused"] == "NotAuthenticated"
    made, placed = found["made"], found["placed"]
    assert (made["status"], made["location"], made["location_data"]) == ("queued", None, [])
    assert made["properties"] == {"distro": "Ubuntu"}
    assert (placed["status"], placed["size"]) == ("active", 5)
    assert placed["location"] == placed["location_data"][0]["url"] == f"{web.url}/disk"
    # Who is shown where the data lies and sends it back has not said anything new.
    assert found["sent_back"]["location_data"] == placed["location_data"]
    assert {image["id"] for image in found["listed"]} == {made["id"], placed["id"]}
    assert [image["id"] for image in found["detailed"]] == [placed["id"]]
    assert found["kept"]["properties"] == {"distro": "Ubuntu", "release": "trusty"}
    assert found["purged"]["properties"] == {"release": "trusty"}
    assert found["members"] == [{"member_id": "blue", "can_share": True}]
    assert found["shared"] == [{"image_id": made["id"], "can_share": True}]
    assert found["replaced"]
    assert found["left"]
    assert (found["deleted"]["id"], found["deleted"]["status"]) == (made["id"], "deleted")


@pytest.mark.parametrize(
    ("image", "status"),
    [
        (DRAFT | {"status": "active"}, 400),
        (DRAFT | {"status": "saving"}, 400),
        (DRAFT | {"size": "5"}, 400),
        (DRAFT | {"is_public": "yes"}, 400),
        (DRAFT | {"colour": "red"}, 400),
        (DRAFT | {"properties": ["x"]}, 400),
        (DRAFT | {"location": "http://a/x", "location_data": [{"url": "http://a/y"}]}, 400),
        (DRAFT | {"location": "file:///etc/passwd"}, 400),
        (DRAFT | {"is_public": True}, 403),
        ("text", 400),
        (DRAFT | {"min_ram": 5, "location_data": [], "deleted_at": None}, 200),
    ],
)
async def test_what_is_said_of_a_new_image(
    registry: TestClient[Any, Any], image: Any, status: int
) -> None:
    answer = await Person(registry, "red")("POST", "/images", json={"image": image})
    assert answer.status == status, await answer.text()


async def test_others_change_nothing(registry: TestClient[Any, Any], service: Service) -> None:
    image = await service.person("red").create()
    path = f"/images/{image['id']}"
    stranger, owner = Person(registry, "blue"), Person(registry, "red")
    body = {"image": {"name": "theirs"}}
    for method, arguments in (("GET", {}), ("PUT", {"json": body}), ("DELETE", {})):
        assert (await stranger(method, path, **arguments)).status == 404
    assert (await owner("PUT", path, json=body | {"from_state": "saving"})).status == 409
    assert (await owner("PUT", path, json={"image": {"status": "active"}})).status == 403
    assert (await owner("PUT", path, json=body)).status == 200


async def test_details_tell_where_the_data_lies_as_one_image_does(
    registry: TestClient[Any, Any], web: Web
) -> None:
    owner, admin = Person(registry, "red"), Person(registry, "ops", "admin")
    placed = DRAFT | {"location": f"{web.url}/disk"}
    made = await (await owner("POST", "/images", json={"image": placed})).json()
    for person in (owner, admin):
        shown = await (await person("GET", f"/images/{made['image']['id']}")).json()
        answer = await person("GET", "/images/detail?is_public=None")
        [listed] = (await answer.json())["images"]
        assert listed["location"] == f"{web.url}/disk"
        assert [each["url"] for each in listed["location_data"]] == [f"{web.url}/disk"]
        assert listed == shown["image"]


async def test_without_the_secret(registry: TestClient[Any, Any]) -> None:
    for headers in ({}, {"X-Auth-Token": ""}, {"X-Auth-Token": "false"}, {"X-Auth-Token": "ü"}):
        del registry.session.headers["X-Auth-Token"]
        answer = await Person(registry, "red", "admin")("GET", "/images", headers=headers)
        registry.session.headers["X-Auth-Token"] = SECRET
        assert answer.status == 401


def test_a_listener_of_its_own(tmp_path: Path) -> None:
    port = free_port()
    options = f"[imagestore]\nregistry_bind = 127.0.0.1:{port}\nregistry_secret = {SECRET}\n"
    with serve(tmp_path, options=options, workers=2) as served:
        for token, status in ((SECRET, 200), ("false", 401)):
            headers = {"X-Auth-Token": token, "X-Identity-Status": "Confirmed", "X-Roles": "admin"}
            request = urllib.request.Request(f"http://127.0.0.1:{port}/images", headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    assert json.loads(answer.read()) == {"images": []}
                    assert answer.status == status
            except urllib.error.HTTPError as error:
                assert error.code == status
        headers = {"X-Auth-Token": SECRET, "X-Identity-Status": "Confirmed", "X-Roles": "admin"}
        request = urllib.request.Request(f"{served.url}/images", headers=headers)
        with pytest.raises(urllib.error.HTTPError, match="300"):  # the choice of versions
            urllib.request.urlopen(request, timeout=30)
    assert SECRET not in served.log
