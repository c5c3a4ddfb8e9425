"""What the tests of v1 ask with: metadata in headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientResponse

from imagestore.backends.http import AddressRules
from imagestore.config.settings import Settings, StoreSection
from tests.service.conftest import OCTETS, Person
from tests.service.web import Web, served_files

RAW = {"x-image-meta-disk_format": "raw", "x-image-meta-container_format": "bare"}
ON_ONE = pytest.mark.parametrize("url", ["embedded"], indirect=True)
"""For what asks no more of a database than other tests do."""


def meta(**fields: Any) -> dict[str, str]:
    """Headers that say so; ``property_x`` stands for a property ``x``."""
    return {
        f"x-image-meta-{name.replace('property_', 'property-')}": str(value)
        for name, value in fields.items()
    }


async def post(person: Person, data: Any = None, /, **fields: Any) -> ClientResponse:
    """``POST /v1/images``, ``raw`` and ``bare`` unless said otherwise."""
    headers = RAW | meta(**fields) | (OCTETS if data is not None else {})
    return await person("POST", "/v1/images", headers=headers, data=data)


async def made(person: Person, data: Any = None, /, **fields: Any) -> dict[str, Any]:
    """A new image."""
    answer = await post(person, data, **fields)
    assert answer.status == 201, await answer.text()
    image: dict[str, Any] = (await answer.json())["image"]
    return image


async def put(
    person: Person, image: str, data: Any = None, /, *, purge: str | None = "false", **fields: Any
) -> ClientResponse:
    headers = meta(**fields) | (OCTETS if data is not None else {})
    if purge is not None:
        headers["x-glance-registry-purge-props"] = purge
    return await person("PUT", f"/v1/images/{image}", headers=headers, data=data)


async def head(person: Person, image: str) -> dict[str, str]:
    """The headers of an image, in small letters."""
    answer = await person("HEAD", f"/v1/images/{image}")
    assert answer.status == 200
    return {name.lower(): value for name, value in answer.headers.items()}


async def listed(person: Person, query: str = "", what: str = "images") -> list[str]:
    """Names of images in the order of a list, which is that of their names unless it says so."""
    if "sort_key" not in query:
        query += "&sort_key=name&sort_dir=asc"
    answer = await person("GET", f"/v1/{what}?{query}")
    assert answer.status == 200, await answer.text()
    return [image["name"] for image in (await answer.json())["images"]]


async def settled(person: Person, image: str) -> str:
    """The status of the image when its data is on its way no more."""
    async with asyncio.timeout(60):
        while (status := (await head(person, image))["x-image-meta-status"]) == "saving":
            await asyncio.sleep(0.05)
    return status


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with served_files() as running:
        running.files["/image"] = b"from the web " * 100
        yield running


def reaching(site: Web, settings: Settings) -> dict[str, Any]:
    """The changes with which a service may fetch from the site, and read locations there."""
    stores = settings.stores
    allowed = {
        "http_store_allowed_hosts": ("127.0.0.1",),
        "http_store_allowed_ports": (str(site.port),),
    }
    web = StoreSection("web", "http", allowed)
    return {
        "import_filter": AddressRules(allowed_hosts=("127.0.0.1",), allowed_ports=(site.port,)),
        "stores": replace(stores, sections=(*stores.sections, web)),
    }
