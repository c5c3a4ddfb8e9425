"""Requests made to break the service, or to keep it busy: refused, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from imagestore.api.body import MAX_DEPTH
from imagestore.api.v2.listing import MAX_FILTERS
from imagestore.api.v2.patch import MAX_OPERATIONS
from imagestore.api.v2.schemas import MAX_ATTRIBUTES
from imagestore.config.settings import Limits, Server
from tests.service.conftest import OCTETS, PATCH, Person, Service, Start

DIGITS = "9" * 5000
"""More of them than Python makes a number of."""


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.every_database
async def test_numbers_that_are_too_long(alice: Person) -> None:
    image = (await alice.create())["id"]
    answer = await alice.patch(image, {"op": "remove", "path": f"/locations/{DIGITS}"})
    assert answer.status == 400
    for path in ("file", "stage"):
        headers = OCTETS | {"x-openstack-image-size": DIGITS}
        answer = await alice("PUT", f"/v2/images/{image}/{path}", data=b"x", headers=headers)
        assert answer.status == 400
    assert (await alice.show(image))["status"] == "queued"


@pytest.mark.parametrize("depth", [MAX_DEPTH, 260, 1000, 3000])
async def test_json_that_is_too_deep(admin: Person, depth: int) -> None:
    """What is written can be shown: the writer of JSON gives up at 254 levels, Python near 1000."""
    image = (await admin.create())["id"]
    namespace = {"namespace": f"deep-{depth}"}
    assert (await admin("POST", "/v2/metadefs/namespaces", json=namespace)).status == 201
    objects = f"/v2/metadefs/namespaces/deep-{depth}/objects"
    deep = nested(depth)
    for method, path, body in (
        ("POST", "/v2/images", f'{{"kernel_id": {deep}}}'),
        ("PATCH", f"/v2/images/{image}",
         f'[{{"op": "add", "path": "/kernel_id", "value": {deep}}}]'),
        ("POST", f"/v2/images/{image}/import",
         f'{{"method": {{"name": "web-download", "uri": "http://a/"}}, "a": {deep}}}'),
        ("POST", "/v2/tasks", f'{{"type": "import", "input": {deep}}}'),
        ("POST", f"/v2/images/{image}/members", f'{{"member": {deep}}}'),
        ("POST", objects, f'{{"name": "o", "properties": {{"p": {{"type": "string", "title": "t", '
         f'"default": {deep}}}}}}}'),
    ):  # fmt: skip
        headers = PATCH if method == "PATCH" else {}
        answer = await admin(method, path, data=body, headers=headers)
        assert answer.status == 400, (path, await answer.text())
    listed = await admin("GET", objects)
    assert (listed.status, (await listed.json())["objects"]) == (200, [])


async def test_json_of_any_width_and_some_depth(admin: Person) -> None:
    assert (
        await admin("POST", "/v2/metadefs/namespaces", json={"namespace": "wide"})
    ).status == 201
    default = json.loads(nested(MAX_DEPTH - 5))
    wide = [{"n": number} for number in range(1000)]
    definition = {"type": "string", "title": "t", "default": [default, wide]}
    path = "/v2/metadefs/namespaces/wide/objects"
    body = {"name": "o", "properties": {"p": definition}}
    assert (await admin("POST", path, json=body)).status == 201
    shown = await (await admin("GET", f"{path}/o")).json()
    assert shown["properties"]["p"]["default"] == [default, wide]


@pytest.mark.parametrize("kind", ["tag=a{}", "a{}=b"])
@pytest.mark.every_database
async def test_more_filters_than_any_database_takes(alice: Person, kind: str) -> None:
    """SQLite has 1000 levels of an expression, and each filter is a search of its own."""

    def query(count: int) -> str:
        return "&".join(kind.format(number) for number in range(count))

    assert (await alice("GET", f"/v2/images?{query(MAX_FILTERS)}")).status == 200
    for count in (MAX_FILTERS + 1, 1000):
        assert (await alice("GET", f"/v2/images?{query(count)}")).status == 400


async def test_more_changes_than_anybody_makes(start: Start) -> None:
    service = await start(limits=Limits(image_property_quota=-1))
    alice = service.person("red")
    image = (await alice.create())["id"]
    change = {"op": "add", "path": "/a", "value": "b"}
    assert (await alice.patch(image, *[change] * MAX_OPERATIONS)).status == 200
    assert (await alice.patch(image, *[change] * (MAX_OPERATIONS + 1))).status == 413
    many = {f"p{number}": "" for number in range(MAX_ATTRIBUTES + 1)}
    assert (await alice("POST", "/v2/images", json=many)).status == 413


async def test_a_document_that_never_comes_to_its_end(start: Start) -> None:
    service = await start(server=Server(progress_timeout=0.3))
    for path in ("/v2/images", "/v2/metadefs/namespaces"):
        assert b" 408 " in await _half_sent(service, path)


async def _half_sent(service: Service, path: str) -> bytes:
    """The first line of the answer to a body of which the rest does not come."""
    reader, writer = await asyncio.open_connection(service.client.host, service.client.port)
    identity: dict[str, Any] = {
        "X-Identity-Status": "Confirmed", "X-User-Id": "u", "X-Project-Id": "red",
        "X-Roles": "admin,member,reader", "Host": "here", "Content-Length": 100,
    }  # fmt: skip
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in identity.items())]
    writer.write(("\r\n".join(lines) + '\r\n\r\n{"name":').encode())
    try:
        async with asyncio.timeout(60):
            return await reader.readline()
    finally:
        writer.close()
