from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from imagestore.api import keys
from imagestore.api.versions import base_url, rewrite, versions_document
from imagestore.config.settings import Server, Settings

ALWAYS = {"2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.9", "2.15", "2.17"}
MULTI_STORE = {"2.8", "2.10", "2.11", "2.12", "2.13"}
CACHE = {"2.14", "2.16", "2.18"}


@pytest.mark.parametrize("multi_store", [False, True])
@pytest.mark.parametrize("cache", [False, True])
def test_the_list_tells_what_the_deployment_has(multi_store: bool, cache: bool) -> None:
    document = versions_document("http://h", multi_store=multi_store, cache=cache)
    found = [entry["id"] for entry in document["versions"]]
    expected = ALWAYS | (MULTI_STORE if multi_store else set()) | (CACHE if cache else set())

    assert set(found) == {f"v{number}" for number in expected}
    assert found == sorted(found, key=lambda name: int(name[3:]), reverse=True)
    current = [e["id"] for e in document["versions"] if e["status"] == "CURRENT"]
    assert current == ["v2.18" if cache else "v2.17"]


@pytest.mark.parametrize("base", ["https://images.example/x", "https://images.example/x/"])
def test_every_version_is_found_at_the_same_place(base: str) -> None:
    document = versions_document(base, multi_store=False, cache=False)

    for entry in document["versions"]:
        assert entry["links"] == [{"rel": "self", "href": "https://images.example/x/v2/"}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/images", "/v2/images"),
        ("/v2/images/", "/v2/images/"),
        ("/v2.0/images", "/v2/images"),
        ("/v2.17/images/a/file", "/v2/images/a/file"),
        ("//v2/images", "/v2/images"),
        ("/v2", "/v2"),
        ("/v2/", "/v2/"),
        ("/versions", "/versions"),
        ("/versions/x", "/versions"),
        ("/", None),
        ("/v1/images", None),
        ("/v3", None),
        ("/v2.99/images", None),
        ("/v2.", None),
        ("/v2x/images", None),
        ("/v2.18/images", None),
        ("/v2.8/images", None),
        ("/images", None),
    ],
)
def test_the_version_in_the_path(path: str, expected: str | None) -> None:
    assert rewrite(path, "", multi_store=False, cache=False) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/images", "/v1/images"),
        ("/v1.0/images/detail", "/v1/images/detail"),
        ("/v1.1/", "/v1/"),
        ("/v1", "/v1"),
        ("/v1.2/images", None),
        ("/v1.", None),
        ("/1.1/images", None),
        ("/v2/images", "/v2/images"),
    ],
)
def test_version_1_where_it_is_served(path: str, expected: str | None) -> None:
    assert rewrite(path, "", multi_store=False, cache=False, v1=True) == expected


def test_version_1_is_listed_last() -> None:
    document = versions_document("http://h", multi_store=True, cache=True, v1=True)
    assert [(one["id"], one["links"][0]["href"]) for one in document["versions"][-3:]] == [
        ("v2.0", "http://h/v2/"),
        ("v1.1", "http://h/v1/"),
        ("v1.0", "http://h/v1/"),
    ]


def test_versions_that_come_with_stores_and_cache() -> None:
    assert rewrite("/v2.8/images", "", multi_store=True, cache=False) == "/v2/images"
    assert rewrite("/v2.18/images", "", multi_store=True, cache=True) == "/v2/images"


@pytest.mark.parametrize(
    ("accept", "path", "expected"),
    [
        ("application/vnd.openstack.images-v2", "/images", "/v2/images"),
        ("application/vnd.openstack.images-v2.3", "/images", "/v2/images"),
        ("application/vnd.openstack.images-v2", "/v2/images", "/v2/v2/images"),
        ("application/vnd.openstack.images-v3", "/v2/images", None),
        ("application/vnd.openstack.images-v2, text/html", "/images", None),
        ("application/vnd.openstack.images-v2", "/versions", "/versions"),
        ("application/json", "/images", None),
    ],
)
def test_the_version_in_the_media_type(accept: str, path: str, expected: str | None) -> None:
    assert rewrite(path, accept, multi_store=False, cache=False) == expected


async def ask(tmp_path: Any, server: Server, headers: dict[str, str]) -> str:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=base_url(request))

    app = web.Application()
    app[keys.settings] = Settings(data_dir=tmp_path, server=server)
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/", headers={"Host": "inside:9292"} | headers)
        return await response.text()


PROXIED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "images.example, proxy",
    "X-Forwarded-Prefix": "/image/",
}


async def test_links_lead_where_the_request_came_in(tmp_path: Any) -> None:
    assert await ask(tmp_path, Server(), PROXIED) == "http://inside:9292"


async def test_or_where_the_proxy_says_if_it_is_trusted(tmp_path: Any) -> None:
    server = Server(enable_proxy_headers_parsing=True)

    assert await ask(tmp_path, server, PROXIED) == "https://images.example/image"
    assert await ask(tmp_path, server, {}) == "http://inside:9292"
    standard = {"Forwarded": "for=1.2.3.4;proto=https;host=first.example, proto=http;host=second"}
    assert await ask(tmp_path, server, standard) == "https://first.example"


async def test_or_where_the_operator_says(tmp_path: Any) -> None:
    server = Server(public_endpoint="https://public/", enable_proxy_headers_parsing=True)

    assert await ask(tmp_path, server, PROXIED) == "https://public"
