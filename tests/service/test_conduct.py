"""What holds for every route of HTTP: HEAD, OPTIONS, compression, links behind a proxy."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from imagestore import app
from imagestore.api.compression import SMALLEST, takes_gzip
from imagestore.config.settings import Cors, Server
from imagestore.observing.access_log import AccessLogger, access_log
from imagestore.observing.logs import JsonFormatter
from tests.service.conftest import OCTETS, AppServer, Person, settings_in

GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
async def alice(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    """A client of a service with SQLite, some settings changed; it gets bodies as they came."""
    settings = replace(settings_in(tmp_path), **getattr(request, "param", {}))
    client: TestClient[Any, Any] = TestClient(
        AppServer(app.create(settings)),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    )
    await client.server.start_server(access_log=access_log, access_log_class=AccessLogger)
    await client.start_server()
    yield Person(client, "red", "admin,member,reader")
    await client.close()


async def test_head_is_get_without_its_body(alice: Person) -> None:
    image = (await alice.create(name="x" * 200))["id"]
    await alice.upload(image, b"data")
    for path in (
        "/v2/images", f"/v2/images/{image}", f"/v2/images/{image}/members",
        f"/v2/images/{image}/file", "/v2/schemas/image", "/v2/info/stores", "/v2/openapi.json",
        "/v2/metadefs/namespaces", "/v2.17/images", "/readiness", "/",
    ):  # fmt: skip
        got, head = [await alice(method, path, headers=GZIP) for method in ("GET", "HEAD")]
        assert head.status == got.status, path
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
        assert await head.read() == b""
    assert (await alice("HEAD", "/v2/images/none")).status == 404


async def test_another_method_is_told_which_there_are(alice: Person) -> None:
    answer = await alice("PUT", "/v2/images")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_json_is_compressed_for_who_takes_it(alice: Person) -> None:
    plain = await alice("GET", "/v2/schemas/image", headers={"Accept-Encoding": "identity"})
    packed = await alice("GET", "/v2/schemas/image", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    wire = await packed.read()
    assert len(wire) == int(packed.headers["Content-Length"]) < SMALLEST * 2
    assert gzip.decompress(wire) == await plain.read()


async def test_a_large_list_is_compressed(alice: Person) -> None:
    for _ in range(40):
        await alice.create(**{f"property{n}": "v" * 200 for n in range(40)})
    packed = await alice("GET", "/v2/images?limit=40", headers=GZIP)
    plain = await alice("GET", "/v2/images?limit=40", headers={"Accept-Encoding": "identity"})
    body = await plain.read()
    assert len(body) > 256 << 10
    assert gzip.decompress(await packed.read()) == body


async def test_data_and_small_answers_are_not_compressed(alice: Person) -> None:
    image = (await alice.create())["id"]
    await alice.upload(image, bytes(100_000))
    data = await alice("GET", f"/v2/images/{image}/file", headers=GZIP)
    assert "Content-Encoding" not in data.headers
    assert await data.read() == bytes(100_000)
    small = await alice("GET", "/v2/info/stores", headers=GZIP)
    assert "Content-Encoding" not in small.headers


@pytest.mark.parametrize("alice", [{"server": Server(compress_json=False)}], indirect=True)
async def test_compression_can_be_switched_off(alice: Person) -> None:
    answer = await alice("GET", "/v2/schemas/image", headers=GZIP)
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("br, gzip;q=0.1", True),
        ("*", True),
        ("identity;q=1, *;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=x", False),
        ("br", False),
        ("", False),
    ],
)
def test_who_takes_gzip(header: str, taken: bool) -> None:
    assert takes_gzip([header]) is taken


ANY_PAGE = {"cors": Cors(allowed_origin=("*",), max_age=0, expose_headers=())}
ONE_PAGE = {"cors": Cors(allowed_origin=("https://page",), allow_credentials=False)}


@pytest.mark.parametrize("alice", [ONE_PAGE], indirect=True)
async def test_a_page_may_read_what_is_streamed(alice: Person) -> None:
    image = (await alice.create())["id"]
    await alice.upload(image, b"data")
    answer = await alice("GET", f"/v2/images/{image}/file", headers={"Origin": "https://page"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "X-OpenStack-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    big = await alice("GET", "/v2/schemas/image", headers={"Origin": "https://page"} | GZIP)
    assert big.headers["Vary"] == "Accept-Encoding,Origin"


@pytest.mark.parametrize("alice", [ANY_PAGE], indirect=True)
async def test_all_pages_may(alice: Person) -> None:
    asked = {"Origin": "https://any", "Access-Control-Request-Method": "GET"}
    answer = await alice("OPTIONS", "/v2/images", headers=asked)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert "Access-Control-Max-Age" not in answer.headers


FORWARDED = {
    "X-Forwarded-Proto": "https", "X-Forwarded-Host": "images.example",
    "X-Forwarded-Prefix": "/image",
}  # fmt: skip
BEHIND = {"server": Server(enable_proxy_headers_parsing=True)}
NAMED = {"server": Server(enable_proxy_headers_parsing=True, public_endpoint="https://api/image/")}


async def test_nobody_but_a_proxy_is_believed(alice: Person) -> None:
    answer = await alice("POST", "/v2/images", json={}, headers=FORWARDED)
    assert answer.headers["Location"].startswith(f"http://127.0.0.1:{alice.client.port}/v2/images/")


@pytest.mark.parametrize("alice", [BEHIND], indirect=True)
@pytest.mark.parametrize(
    ("headers", "base"),
    [
        (FORWARDED, "https://images.example/image"),
        ({"Forwarded": "proto=https;host=a.example, proto=http;host=b"}, "https://a.example"),
        (FORWARDED | {"Forwarded": "host=a.example;proto=http"}, "http://a.example/image"),
    ],
)
async def test_links_lead_through_the_proxy(
    alice: Person, headers: dict[str, str], base: str
) -> None:
    made = await alice("POST", "/v2/images", json={}, headers=headers)
    assert made.headers["Location"].startswith(f"{base}/v2/images/")
    versions = await (await alice("GET", "/versions", headers=headers)).json()
    assert versions["versions"][0]["links"][0]["href"] == f"{base}/v2/"


@pytest.mark.parametrize("alice", [BEHIND], indirect=True)
@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ({"X-Forwarded-For": "192.0.2.60, 10.0.0.1"}, "192.0.2.60"),
        ({"Forwarded": 'for="[2001:db8::1]:4711", for=10.0.0.1'}, "[2001:db8::1]:4711"),
        ({"X-Forwarded-For": "a b"}, "127.0.0.1"),
        ({}, "127.0.0.1"),
    ],
)
async def test_the_log_names_who_asked_the_proxy(
    alice: Person, headers: dict[str, str], client: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "imagestore.access")
    assert (await alice("GET", "/v2/images", headers=headers)).status == 200
    assert caplog.records[-1].getMessage().startswith(f"{client} GET /v2/images 200 ")


async def test_every_line_of_a_request_says_whose_it_is(
    alice: Person, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "imagestore")
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter())
    image = (await alice.create())["id"]
    answers = [
        await alice("PUT", f"/v2/images/{image}/file", data=b"data", headers=OCTETS),
        await alice("GET", "/v2/images/none"),
        await alice("DELETE", f"/v2/images/{image}"),
    ]
    told = [json.loads(line) for line in caplog.text.splitlines()]
    for answer in answers:
        identifier = answer.headers["X-Openstack-Request-Id"]
        (line,) = [
            one for one in told
            if one.get("request_id") == identifier and one["logger"] == "imagestore.access"
        ]  # fmt: skip
        assert (line["user_id"], line["project_id"]) == ("user-of-red", "red")
        assert (line["method"], line["status"]) == (answer.method, answer.status)
    assert all("request_id" in one for one in told if one["logger"] == "imagestore.access")


@pytest.mark.parametrize("alice", [NAMED], indirect=True)
async def test_links_lead_to_the_public_endpoint(alice: Person) -> None:
    made = await alice("POST", "/v2/images", json={}, headers=FORWARDED)
    assert made.headers["Location"].startswith("https://api/image/v2/images/")


@pytest.mark.parametrize(
    "name", ["Überraschung", "日本語", "a\u0301", "\u200b", "\ufeff", "'; DROP TABLE images; --"]
)
async def test_names_and_properties_of_any_script(alice: Person, name: str) -> None:
    image = (await alice.create(name=name, **{f"own {name}": name}))["id"]
    shown = await alice.show(image)
    assert (shown["name"], shown[f"own {name}"]) == (name, name)
    listed = await alice("GET", "/v2/images", params={"name": name})
    assert [one["id"] for one in (await listed.json())["images"]] == [image]
    tagged = await alice("PUT", f"/v2/images/{image}/tags/{name.replace('/', '')}")
    assert tagged.status == 204
    assert (await alice.show(image))["tags"] == [name.replace("/", "")]


async def test_a_body_that_is_too_large(alice: Person) -> None:
    answer = await alice("POST", "/v2/images", data=b" " * ((8 << 20) + 1))
    assert answer.status == 413


async def test_a_list_of_large_images_is_cut_short_and_goes_on(alice: Person) -> None:
    large = {f"p{number}": "v" * 40_000 for number in range(120)}
    ids = [(await alice.create(name="large", **large))["id"] for _ in range(3)]
    first = await (await alice("GET", "/v2/images?limit=10&name=large&sort=id:asc")).json()
    assert [image["id"] for image in first["images"]] == sorted(ids)[:1]
    second = await (await alice("GET", first["next"])).json()
    assert "limit=10&name=large&sort=id%3Aasc&marker=" in first["next"]
    assert [image["id"] for image in second["images"]] == sorted(ids)[1:2]
    third = await (await alice("GET", second["next"])).json()
    assert [image["id"] for image in third["images"]] == sorted(ids)[2:]
    assert "next" not in third
    old = await (await alice("GET", f"/v1/images/detail?marker={ids[2]}")).json()
    assert len(old["images"]) == 1
