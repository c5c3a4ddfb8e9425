"""What is kept has a limit, that of MariaDB's columns: on every database, at every door."""

from __future__ import annotations

from typing import Any

import pytest

from imagestore.config.settings import Images
from tests.service.conftest import Person, Service, Start
from tests.service.test_imports import importing, site, start_import, tasks_of, web_download
from tests.service.web import Web

__all__ = ["importing", "site"]

TEXT = 65_535


async def said(answer: Any, status: int) -> str:
    text: str = await answer.text()
    assert answer.status == status, text
    return text


@pytest.mark.parametrize("letter", ["x", "é", "\u6f22"])
async def test_values_of_properties(service: Service, alice: Person, letter: str) -> None:
    """In bytes of UTF-8; the message says which it was and what is possible."""
    fits = letter * (TEXT // len(letter.encode()))
    image = (await alice.create(note=fits))["id"]
    assert (await alice.show(image))["note"] == fits
    change = {"op": "replace", "path": "/note", "value": fits + letter}
    found = await said(await alice.patch(image, change), 400)
    assert "note" in found
    assert "at most 65535" in found
    add = {"op": "add", "path": "/more", "value": fits + letter}
    await said(await alice.patch(image, add), 400)
    await said(await alice("POST", "/v2/images", json={"note": fits + letter}), 400)
    assert (await alice.show(image))["note"] == fits
    assert len((await (await alice("GET", "/v2/images")).json())["images"]) == 1


async def test_what_other_doors_keep(service: Service, alice: Person) -> None:
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}"
    long = "x" * 256
    await said(await alice("PUT", f"{path}/tags/{long}"), 400)
    for member in (long, "é" * 256):
        await said(await alice("POST", f"{path}/members", json={"member": member}), 400)
    assert (await alice("POST", f"{path}/members", json={"member": "é" * 255})).status == 200
    await said(await alice("PUT", f"/v1/images/{image}/members/{long}"), 400)
    for body in ({"name": long}, {"tags": [long]}, {long: "x"}):
        await said(await alice("POST", "/v2/images", json=body), 400)
    stranger = service.person("y" * 256)
    await said(await stranger("POST", "/v2/images", json={}), 400)


async def test_bodies_kept_with_tasks(importing: Service, site: Web) -> None:
    alice, ops = importing.person("red"), importing.person("ops", "admin,member,reader")
    image = (await alice.create())["id"]
    body = web_download(site)
    assert await start_import(alice, image, body | {"more": "x" * TEXT}) == 400
    many = {str(number): "x" * 100 for number in range(1000)}
    assert await start_import(alice, image, body | {"more": many}) == 400
    assert (await alice.show(image))["status"] == "queued"
    assert await tasks_of(alice, image) == []
    input_ = {
        "import_from": site.url + "/image",
        "import_from_format": "raw",
        "image_properties": {"disk_format": "raw", "container_format": "bare"},
    }
    for more in ({"more": "x" * TEXT}, {"image_properties": {**many, "name": "made"}}):
        found = await ops("POST", "/v2/tasks", json={"type": "import", "input": input_ | more})
        assert found.status in (400, 413), await found.text()
    listed = await (await ops("GET", "/v2/images")).json()
    assert [each["id"] for each in listed["images"]] == [image]
    assert await start_import(alice, image, body | {"more": "x" * 60_000}) == 202


async def test_locations_and_their_metadata(start: Start) -> None:
    service = await start(images=Images(show_multiple_locations=True))
    alice = service.person("red")
    image = (await alice.create())["id"]
    assert await alice.upload(image, b"data") == 204
    (place,) = (await alice.show(image))["locations"]
    value = place | {"metadata": place["metadata"] | {"note": "x" * TEXT}}
    change = {"op": "replace", "path": "/locations", "value": [value]}
    await said(await alice.patch(image, change), 400)
    url = f"http://127.0.0.1/{'x' * TEXT}"
    assert (await alice("POST", f"/v2/images/{image}/locations", json={"url": url})).status >= 400


async def test_metadata_definitions(service: Service) -> None:
    ops = service.person("ops", "admin,member,reader")
    long = "x" * TEXT
    base = "/v2/metadefs/namespaces"
    assert (await ops("POST", base, json={"namespace": "ns"})).status == 201
    one = {"name": "one", "title": "t", "type": "string"}
    for path, body in (
        ("properties", one | {"description": long}),
        ("properties", one | {"enum": ["x" * 100] * 1000}),
        ("objects", {"name": "one", "description": long + "x"}),
        ("objects", {"name": "one", "properties": {"a": one | {"description": long}}}),
        ("objects", {"name": "one", "required": ["x" * 80 + str(n) for n in range(1000)]}),
    ):
        await said(await ops("POST", f"{base}/ns/{path}", json=body), 400)
    whole = {"namespace": "other", "properties": {"one": one | {"description": long}}}
    await said(await ops("POST", base, json=whole), 400)
    assert (await ops("POST", f"{base}/ns/properties", json=one)).status == 201
    await said(await ops("PUT", f"{base}/ns/properties/one", json=one | {"description": long}), 400)
