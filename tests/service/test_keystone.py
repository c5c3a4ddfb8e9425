"""The service behind a real Keystone: what its callers see of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imagestore.config.settings import Identity
from tests.identity.keystone.conftest import settings
from tests.service.conftest import DRAFT, OCTETS, Service, Start
from tests.services import keystone as service
from tests.services.keystone import PROJECTS, Keystone


def identity(running: Keystone, **changes: Any) -> Identity:
    return Identity(flavor="keystone", keystone=settings(running, **changes))


async def status(served: Service, token: str, **headers: str) -> int:
    sent = {"X-Auth-Token": token, **headers}
    async with served.client.get("/v2/images", headers=sent) as answer:
        return answer.status


async def test_without_a_token_that_counts(start: Start, keystone: Keystone) -> None:
    served = await start(identity=identity(keystone))
    claims = {"X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-Project-Id": "p"}
    for headers in ({}, {"X-Auth-Token": "nonsense"}, claims):
        async with served.client.get("/v2/images", headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
    for path in ("/", "/versions", "/healthcheck"):
        async with served.client.get(path) as answer:
            assert answer.status in (200, 300)


async def test_a_hundred_requests_at_once_cost_one_validation(
    start: Start, keystone: Keystone
) -> None:
    served, token = await start(identity=identity(keystone)), keystone.token("member")
    assert await asyncio.gather(*(status(served, token) for _ in range(100))) == [200] * 100
    assert keystone.validations(token) == 1


async def test_keystone_is_slow_then_gone_while_known_tokens_go_on(
    start: Start, own_keystone: Keystone
) -> None:
    served = await start(identity=identity(own_keystone, http_connect_timeout=1))
    known, new = own_keystone.token("member"), own_keystone.token("member")
    assert await status(served, known) == 200
    with own_keystone.frozen():
        async with served.client.get("/v2/images", headers={"X-Auth-Token": new}) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert "identity service" in await answer.text()
        assert await status(served, known) == 200
    assert await status(served, new) == 200
    own_keystone.stop()
    assert await status(served, known) == 200
    assert await status(served, "another") == 503


async def test_the_owner_of_an_image_is_the_project_of_the_token(
    start: Start, keystone: Keystone
) -> None:
    served = await start(identity=identity(keystone))
    headers = {"X-Auth-Token": keystone.token("member"), "X-Project-Id": "forged"}
    async with served.client.post("/v2/images", headers=headers, json=DRAFT) as answer:
        assert answer.status == 201
        image = await answer.json()
    assert image["owner"] == PROJECTS["demo"]
    other = {"X-Auth-Token": keystone.token("other"), "X-Project-Id": PROJECTS["demo"]}
    async with served.client.get(f"/v2/images/{image['id']}", headers=other) as answer:
        assert answer.status == 404


async def test_a_token_that_expires_during_its_upload(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    running = service.start(tmp_path_factory.mktemp("short") / "keystone", token_life=6)
    try:
        served = await start(identity=identity(running))
        token = running.token("member")
        end = time.time() + 6.2
        headers = {"X-Auth-Token": token}
        async with served.client.post("/v2/images", headers=headers, json=DRAFT) as answer:
            image = (await answer.json())["id"]

        async def data() -> AsyncIterator[bytes]:
            yield b"a" * 100_000
            while time.time() < end:
                await asyncio.sleep(0.2)
                yield b"b"
            assert await status(served, token) == 401
            yield b"c" * 100_000

        path = f"/v2/images/{image}/file"
        async with served.client.put(path, headers=headers | OCTETS, data=data()) as answer:
            assert answer.status == 204
        headers = {"X-Auth-Token": running.token("member")}
        async with served.client.get(f"/v2/images/{image}", headers=headers) as answer:
            assert (await answer.json())["status"] == "active"
    finally:
        running.stop()
