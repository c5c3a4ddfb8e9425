"""Characters of four bytes, by option, in everything that has a name; refused without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import make_url

from imagestore import app
from imagestore.config import settings as settings_
from imagestore.config.settings import Database, Images
from imagestore.database import engine
from imagestore.database.characters import require_four_bytes
from imagestore.database.migrations import State
from imagestore.model.errors import ConfigurationError
from tests.service.conftest import Service, settings_in
from tests.services.databases import fresh_url_of

PARTY, BALLOON = "🎉", "🎈"
NAMESPACES = "/v2/metadefs/namespaces"


@pytest.fixture(params=["embedded", "mariadb", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_url_of(request, request.param, tmp_path)


async def upgraded(url: str) -> engine.Database:
    database = engine.Database(settings_.Database(url, max_retries=0))
    await database.connect()
    await database.upgrade()
    return database


async def widened(url: str) -> None:
    """Tables as Glance's documentation has them made, and then widened."""
    database = await upgraded(url)
    if make_url(url).get_backend_name() in ("mysql", "mariadb"):
        with pytest.raises(ConfigurationError, match="imagestore db widen"):
            await database.read(require_four_bytes)
        assert "image_properties.value" in await database.widen()
    assert await database.widen() == []
    assert await database.check() is State.OK
    await database.read(require_four_bytes)
    await database.close()


@pytest.fixture
async def wide(tmp_path: Path, url: str) -> AsyncIterator[Service]:
    await widened(url)
    settings = settings_in(
        tmp_path,
        database=Database(url, auto_upgrade=True),
        images=Images(four_byte_characters=True),
    )
    client: TestClient[Any, Any] = TestClient(TestServer(app.create(settings)))
    await client.start_server()
    yield Service(client, settings)
    await client.close()


async def test_images(wide: Service) -> None:
    alice = wide.person("red")
    properties = {PARTY: BALLOON, "plain": PARTY}
    image = await alice.create(name=PARTY, tags=[PARTY, BALLOON], **properties)
    other = await alice.create(name=BALLOON, **{BALLOON: PARTY})
    assert (image["name"], sorted(image["tags"])) == (PARTY, sorted([PARTY, BALLOON]))
    path = f"/v2/images/{image['id']}"
    shown = await alice.show(image["id"])
    assert (shown["name"], shown[PARTY], shown["plain"]) == (PARTY, BALLOON, PARTY)

    async def found(query: str) -> list[str]:
        answer = await alice("GET", f"/v2/images?{query}")
        assert answer.status == 200, await answer.text()
        return [each["id"] for each in (await answer.json())["images"]]

    for query in (
        f"name={PARTY}", f"tag={PARTY}", f"tag={BALLOON}&tag={PARTY}", f"{PARTY}={BALLOON}",
        f"plain={PARTY}", f"name=in:{PARTY},x",
    ):  # fmt: skip
        assert await found(query) == [image["id"]], query
    for query in (f"name={PARTY}{PARTY}", f"{PARTY}={PARTY}", f"plain={BALLOON}", "tag=🎃"):
        assert await found(query) == [], query
    assert set(await found("sort=name:asc")) == {image["id"], other["id"]}

    answer = await alice.patch(
        image["id"],
        {"op": "replace", "path": "/name", "value": BALLOON},
        {"op": "add", "path": f"/{BALLOON}", "value": PARTY},
        {"op": "remove", "path": f"/{PARTY}"},
    )
    assert answer.status == 200, await answer.text()
    shown = await answer.json()
    assert (shown["name"], shown[BALLOON], shown.get(PARTY)) == (BALLOON, PARTY, None)
    assert (await alice("DELETE", f"{path}/tags/{quote(PARTY)}")).status == 204
    assert (await alice("DELETE", f"{path}/tags/{quote(PARTY)}")).status == 404
    assert (await alice("PUT", f"{path}/tags/{quote('🎃')}")).status == 204
    assert sorted((await alice.show(image["id"]))["tags"]) == sorted([BALLOON, "🎃"])
    assert await alice.upload(image["id"], b"data") == 204
    assert (await alice("DELETE", path)).status == 204


async def test_ids_have_none(wide: Service) -> None:
    alice = wide.person("red")
    image = (await alice.create())["id"]
    members = f"/v2/images/{image}/members"
    assert (await alice("POST", members, json={"member": PARTY})).status == 400
    assert (await alice("GET", f"{members}/{quote(PARTY)}")).status == 404
    assert (await alice("GET", f"/v2/images/{quote(PARTY)}")).status == 404
    assert (await alice("GET", f"/v2/images?marker={PARTY}")).status == 400
    assert (await alice("GET", f"/v2/images?owner={PARTY}")).status == 200
    assert (await alice("POST", "/v2/images", json={"name": "a\0"})).status == 400


async def test_metadata_definitions(wide: Service) -> None:
    admin = wide.person("ops", "admin,member,reader")
    definition = {"title": PARTY, "type": "string", "enum": [PARTY, BALLOON]}
    body = {
        "namespace": PARTY,
        "display_name": PARTY,
        "description": BALLOON,
        "objects": [{"name": PARTY, "properties": {BALLOON: definition}}, {"name": BALLOON}],
        "properties": {PARTY: definition, BALLOON: definition},
        "tags": [{"name": PARTY}, {"name": BALLOON}],
        "resource_type_associations": [{"name": PARTY, "prefix": BALLOON}],
    }
    answer = await admin("POST", NAMESPACES, json=body)
    assert answer.status == 201, await answer.text()
    path = f"{NAMESPACES}/{quote(PARTY)}"
    shown = await (await admin("GET", path)).json()
    assert (shown["namespace"], shown["display_name"], shown["description"]) == (
        PARTY, PARTY, BALLOON,
    )  # fmt: skip
    assert shown["properties"].keys() == {PARTY, BALLOON}
    assert shown["properties"][PARTY]["enum"] == [PARTY, BALLOON]
    assert {one["name"] for one in shown["objects"]} == {PARTY, BALLOON}
    assert {one["name"] for one in shown["tags"]} == {PARTY, BALLOON}
    assert (await admin("POST", NAMESPACES, json={"namespace": PARTY})).status == 409
    assert (await admin("POST", NAMESPACES, json={"namespace": BALLOON})).status == 201
    for part in ("objects", "properties", "tags"):
        one = f"{path}/{part}/{quote(BALLOON)}"
        assert (await (await admin("GET", one)).json())["name"] == BALLOON, part
        assert (await admin("DELETE", one)).status == 204, part
        assert (await admin("GET", one)).status == 404, part
    listed = await (await admin("GET", f"{NAMESPACES}?resource_types={PARTY}")).json()
    assert [each["namespace"] for each in listed["namespaces"]] == [PARTY]
    assert (await admin("GET", f"{NAMESPACES}?marker={PARTY}")).status == 200
    assert (await admin("DELETE", f"{path}/resource_types/{quote(PARTY)}")).status == 204
    assert (await admin("DELETE", path)).status == 204


async def test_without_the_option(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path, database=Database(url, auto_upgrade=True))
    async with TestClient(TestServer(app.create(settings))) as client:
        service = Service(client, settings)
        alice, admin = service.person("red"), service.person("ops", "admin,member,reader")
        for draft in ({"name": PARTY}, {"tags": [PARTY]}, {PARTY: "x"}, {"x": PARTY}):
            assert (await alice("POST", "/v2/images", json=draft)).status == 400, draft
        image = (await alice.create(tags=["a"]))["id"]
        for path in ("/name", "/x", f"/{PARTY}"):
            answer = await alice.patch(image, {"op": "add", "path": path, "value": PARTY})
            assert answer.status == 400, path
        tag = f"/v2/images/{image}/tags/{quote(PARTY)}"
        assert (await alice("PUT", tag)).status == 400
        assert (await alice("DELETE", tag)).status == 404
        for query in (f"name={PARTY}", f"tag={PARTY}", f"{PARTY}=x", f"x={PARTY}"):
            answer = await alice("GET", f"/v2/images?{query}")
            assert (answer.status, (await answer.json())["images"]) == (200, []), query
        assert (await admin("POST", NAMESPACES, json={"namespace": PARTY})).status == 400
        assert (await admin("GET", f"{NAMESPACES}/{quote(PARTY)}")).status == 404
