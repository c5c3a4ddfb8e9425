from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.test_utils import TestClient, TestServer

from imagestore.api.errors import errors
from imagestore.api.v2.patch import ACCEPT_PATCH, UnsupportedPatch
from imagestore.model import errors as kinds

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def served(handler: Respond) -> TestClient[web.Request, web.Application]:
    app = web.Application(middlewares=[errors], client_max_size=100)
    app.router.add_get("/x", handler, allow_head=False)
    app.router.add_post("/x", handler)
    client = TestClient(TestServer(app))
    await client.start_server()
    return client


def raising(error: BaseException) -> Respond:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise error

    return handler


async def answer(
    error: BaseException, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    client = await served(raising(error))
    try:
        response = await client.get("/x", headers=headers or {"Accept": "application/json"})
        return response.status, dict(response.headers), await response.text()
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (kinds.Invalid("m"), 400, "Bad Request"),
        (kinds.Unauthenticated("m"), 401, "Unauthorized"),
        (kinds.Forbidden("m"), 403, "Forbidden"),
        (kinds.NotFound("m"), 404, "Not Found"),
        (kinds.Conflict("m"), 409, "Conflict"),
        (kinds.Gone("m"), 410, "Gone"),
        (kinds.OverLimit("m"), 413, "Request Entity Too Large"),
        (kinds.Unsupported("m"), 415, "Unsupported Media Type"),
        (kinds.UnsatisfiableRange("m", 10), 416, "Request Range Not Satisfiable"),
        (kinds.Unavailable("m"), 503, "Service Unavailable"),
    ],
)
async def test_every_kind_has_its_status(error: Exception, status: int, title: str) -> None:
    found, headers, body = await answer(error)

    assert found == status
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"message": "m", "code": f"{status} {title}", "title": title}


async def test_a_kind_of_a_kind_has_the_same_status() -> None:
    class Narrower(kinds.NotFound):
        pass

    assert (await answer(Narrower("m")))[0] == 404


async def test_headers_that_help() -> None:
    assert (await answer(kinds.Unavailable("m", 7)))[1]["Retry-After"] == "7"
    assert (await answer(kinds.UnsatisfiableRange("m", 10)))[1]["Content-Range"] == "bytes */10"
    assert "WWW-Authenticate" in (await answer(kinds.Unauthenticated("m")))[1]
    assert (await answer(UnsupportedPatch()))[1]["Accept-Patch"] == ACCEPT_PATCH


JSON, PAGE, TEXT = "application/json", "text/html", "text/plain"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json;charset=utf-8", JSON),
        ("application/*", JSON),
        ("text/html", PAGE),
        ("text/*", PAGE),
        ("*/*", PAGE),
        ("application/json, */*", PAGE),
        ("application/json, text/html", PAGE),
        ("application/json;q=0.1, text/html", PAGE),
        ("text/html;q=0.1, application/json", JSON),
        ("text/plain, application/json", JSON),
        ("application/json, text/plain", JSON),
        ("text/plain", TEXT),
        ("image/png", TEXT),
        ("application/octet-stream", TEXT),
        ("application/vnd.api+json", TEXT),
        ("application/json;q=0", TEXT),
        ("application/json;q=x", TEXT),
        ("", JSON),
    ],
)
async def test_the_form_that_the_client_likes_best(accept: str, form: str) -> None:
    _, headers, _ = await answer(kinds.NotFound("m"), {"Accept": accept})

    assert headers["Content-Type"].partition(";")[0] == form


async def test_plain_text() -> None:
    body = (await answer(kinds.NotFound("No <such> image é"), {"Accept": "text/plain"}))[2]

    assert body == "404 Not Found\n\nNo <such> image é\n"


async def test_a_page_shows_what_the_caller_sent_as_text() -> None:
    body = (await answer(kinds.NotFound("<script>&'"), {"Accept": "text/html"}))[2]

    assert "&lt;script&gt;&amp;" in body
    assert "<script>" not in body
    assert "<title>404 Not Found</title>" in body


async def test_what_nobody_foresaw_is_logged_and_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, _, body = await answer(RuntimeError("password=secret"))

    assert status == 500
    assert "secret" not in body
    assert "Traceback" not in body
    assert "password=secret" in caplog.text
    assert "GET /x failed" in caplog.text


async def test_an_error_without_a_status_is_told_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, _, body = await answer(kinds.ConfigurationError("[database] connection is wrong"))

    assert status == 500
    assert "database" not in body
    assert "[database] connection is wrong" in caplog.text


async def test_a_lost_database_is_not_taken_for_a_lost_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, _, _ = await answer(ConnectionRefusedError("port 5432"))

    assert status == 500
    assert "port 5432" in caplog.text


async def test_faults_of_the_http_message() -> None:
    status, _, body = await answer(HttpProcessingError(code=400, message="bad chunk"))

    assert status == 400
    assert json.loads(body)["message"] == "bad chunk"


async def test_redirections_pass() -> None:
    client = await served(raising(web.HTTPFound("/elsewhere")))
    response = await client.get("/x", allow_redirects=False)

    assert response.status == 302
    assert response.headers["Location"] == "/elsewhere"
    await client.close()


async def test_errors_of_the_router_have_the_same_bodies() -> None:
    client = await served(raising(kinds.NotFound("m")))
    headers = {"Accept": "application/json"}

    missing = await client.get("/nowhere", headers=headers)
    assert missing.status == 404
    assert (await missing.json())["message"] == "The resource could not be found."

    wrong = await client.put("/x", headers=headers)
    assert wrong.status == 405
    assert wrong.headers["Allow"] == "GET, POST"
    assert (await wrong.json())["title"] == "Method Not Allowed"
    await client.close()


async def test_a_body_that_is_too_large() -> None:
    async def read(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    client = await served(read)
    response = await client.post("/x", data=b"x" * 101, headers={"Accept": "application/json"})

    assert response.status == 413
    assert (await response.json())["code"] == "413 Request Entity Too Large"
    await client.close()


async def test_a_response_that_has_begun_is_broken_off_not_mixed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"begun")
        raise kinds.Unavailable("the store is gone")

    client = await served(breaks)
    with pytest.raises(ClientPayloadError), caplog.at_level(logging.ERROR):
        response = await client.get("/x")
        await response.read()
    await client.close()
