"""Endpoints of regions, from a real Keystone."""

from __future__ import annotations

import asyncio

import pytest

from imagestore.identity.keystone.service_catalog import ServiceCatalogs
from imagestore.model.errors import NotFound, Unauthenticated, Unavailable
from tests.identity.keystone.conftest import settings
from tests.services.keystone import Keystone


async def test_an_endpoint(keystone: Keystone) -> None:
    region = await asyncio.to_thread(keystone.region, "http://192.0.2.1:9292/image/v2/")
    token = keystone.token("member")
    for url in (keystone.url, keystone.url.removesuffix("/v3")):
        catalogs = ServiceCatalogs(settings(keystone, auth={"auth_url": url}))
        for name in (region, region.upper()):
            found = await catalogs.image_endpoint(token, name, "internal")
            assert found == "http://192.0.2.1:9292/image"
        for other in ("nowhere", ""):
            with pytest.raises(NotFound):
                await catalogs.image_endpoint(token, other, "public")
        with pytest.raises(NotFound):
            await catalogs.image_endpoint(token, region, "none")


async def test_tokens_that_are_none(keystone: Keystone) -> None:
    catalogs = ServiceCatalogs(settings(keystone))
    token = keystone.token("member")
    await asyncio.to_thread(keystone.revoke, token)
    for each in (token, "nonsense", "with\u00e4", ""):
        with pytest.raises(Unauthenticated):
            await catalogs.image_endpoint(each, "x", "public")


async def test_a_keystone_that_does_not_answer(own_keystone: Keystone) -> None:
    token = own_keystone.token("member")
    catalogs = ServiceCatalogs(settings(own_keystone, http_connect_timeout=1))
    with own_keystone.frozen(), pytest.raises(Unavailable):
        await catalogs.image_endpoint(token, "x", "public")
