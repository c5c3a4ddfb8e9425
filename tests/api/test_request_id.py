from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from imagestore.api import request_id
from imagestore.api.errors import errors
from imagestore.model.errors import Invalid, NotFound
from imagestore.observing.context import current

GENERATED = re.compile(r"req-[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def seen(request: web.Request) -> web.Response:
        who = current.get()
        assert who is not None
        assert who.request_id == request_id.of(request)
        return web.Response(text=who.request_id)

    async def fails(request: web.Request) -> web.Response:
        raise NotFound("gone")

    async def streams(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write_eof(b"x")
        return response

    app = web.Application(middlewares=[request_id.middleware(64), errors])
    app.on_response_prepare.append(request_id.on_prepare)
    app.router.add_get("/", seen)
    app.router.add_get("/fails", fails)
    app.router.add_get("/streams", streams)
    async with TestClient(TestServer(app)) as client:
        yield client


Client = TestClient[web.Request, web.Application]


@pytest.mark.parametrize("path", ["/", "/fails", "/streams", "/nowhere"])
async def test_every_response_has_one(client: Client, path: str) -> None:
    response = await client.get(path)

    assert GENERATED.fullmatch(response.headers[request_id.HEADER])


async def test_the_handler_and_its_logs_know_it(client: Client) -> None:
    response = await client.get("/")

    assert await response.text() == response.headers[request_id.HEADER]
    assert current.get() is None


@pytest.mark.parametrize(
    ("sent", "answered"),
    [("req-abc", "req-abc"), ("abc", "req-abc"), ("x" * 64, "req-" + "x" * 64)],
)
@pytest.mark.parametrize("path", ["/", "/streams"])
async def test_that_of_the_caller_is_taken_over(
    client: Client, path: str, sent: str, answered: str
) -> None:
    response = await client.get(path, headers={"x-openstack-request-id": sent})

    assert response.headers[request_id.HEADER] == answered
    assert len(response.headers.getall(request_id.HEADER)) == 1


@pytest.mark.parametrize("sent", ["x" * 65, "é"])
async def test_one_that_is_too_long_or_strange_is_refused(client: Client, sent: str) -> None:
    response = await client.get("/", headers={"x-openstack-request-id": sent})

    assert response.status == 400
    assert GENERATED.fullmatch(response.headers[request_id.HEADER])
    assert "X-Openstack-Request-Id" in await response.text()


def test_any_length_where_there_is_no_limit() -> None:
    assert request_id.choose("x" * 1000, 0) == "req-" + "x" * 1000
    with pytest.raises(Invalid):
        request_id.choose("x" * 1000, 999)


def test_an_empty_one_is_none() -> None:
    assert GENERATED.fullmatch(request_id.choose("", 64))
