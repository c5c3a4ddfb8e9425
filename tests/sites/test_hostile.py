"""A site that means ill: it gets no token of another, no file outside, and no endless attention."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from imagestore.model.errors import ImagestoreError
from imagestore.sites import moving
from imagestore.sites.client import Client
from imagestore.sites.compare import Step
from imagestore.sites.credentials import Fixed
from imagestore.sites.dump import Dump
from imagestore.sites.images_api import ImagesApi
from imagestore.sites.replication import PassResult, Replication
from imagestore.sites.rules import SiteRules

ID = "11111111-2222-3333-4444-555555555555"
IMAGE = {
    "id": ID, "status": "active", "size": 5, "tags": [], "disk_format": "raw",
    "container_format": "bare", "visibility": "private", "updated_at": "2026-01-01T00:00:00Z",
}  # fmt: skip
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Nobody:
    async def planned(self, steps: list[Step]) -> None: ...

    def moved(self, step: Step, count: int) -> None: ...

    async def ended(self, step: Step, error: ImagestoreError | None) -> None: ...


@pytest.fixture
async def site() -> AsyncIterator[Callable[..., Awaitable[ImagesApi]]]:
    """Start a site whose images and whose data are answered by two functions."""
    servers: list[TestServer] = []
    clients: list[Client] = []

    async def start(images: Any, data: Handler | None = None) -> ImagesApi:
        async def listed(request: web.Request) -> web.StreamResponse:
            if callable(images):
                answer: web.StreamResponse = await images(request)
                return answer
            hidden = request.query["os_hidden"] == "true"
            return web.json_response({"images": [] if hidden else images})

        app = web.Application()
        app.router.add_get("/v2/images", listed)
        if data is not None:
            app.router.add_get("/v2/images/{id}/file", data)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        client = Client("evil", Fixed(str(server.make_url("/v2/")), "secret"))
        clients.append(await client.__aenter__())
        return ImagesApi(client)

    yield start
    for client in clients:
        await client.__aexit__(None, None, None)
    for server in servers:
        await server.close()


async def into(directory: Path, source: ImagesApi) -> PassResult:
    return await Replication(source, Dump(directory), SiteRules()).run(Nobody())


async def test_names_that_lead_elsewhere(site: Any, tmp_path: Path) -> None:
    async def data(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"12345")

    bad = [IMAGE | {"id": name} for name in ("../x", "/etc/x", "", None, ID + "/../x")]
    outcome = await into(tmp_path / "dump", await site([*bad, IMAGE, "nonsense"], data))
    assert outcome.counts() == {"create": 1}
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {f"dump/{ID}.img", f"dump/{ID}.json"}


async def test_a_list_without_an_end(site: Any, tmp_path: Path) -> None:
    async def forever(request: web.Request) -> web.StreamResponse:
        return web.json_response({"images": [IMAGE], "next": "http://elsewhere.example/"})

    with pytest.raises(ImagestoreError, match="again and again"):
        await into(tmp_path, await site(forever))


async def test_redirects_are_not_followed(site: Any, tmp_path: Path) -> None:
    asked = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("X-Auth-Token"))
        return web.json_response({"images": []})

    other = await site(elsewhere)

    async def redirect(request: web.Request) -> web.StreamResponse:
        entry = await other._client._credentials.get()
        raise web.HTTPFound(f"{entry.url}/v2/images")

    with pytest.raises(ImagestoreError, match="302"):
        await into(tmp_path, await site(redirect))
    assert asked == []


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 6, 5_000_000])
async def test_more_or_less_than_was_said(
    site: Any, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "ATTEMPTS", 1)

    async def data(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * size)

    outcome = await into(tmp_path, await site([IMAGE], data))
    assert list(outcome.failed) == [ID]
    assert not (tmp_path / f"{ID}.img").exists()


async def test_what_is_no_images_api(site: Any, tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>hello</html>")

    async def error(request: web.Request) -> web.StreamResponse:
        text = "<html><head><title>403</title></head><body><h1>No\x1b[31m</h1> entry</body></html>"
        return web.Response(status=403, text=text)

    with pytest.raises(ImagestoreError, match="does not speak the Images API"):
        await into(tmp_path, await site(page))
    with pytest.raises(ImagestoreError, match=r"403: No \[31m entry$"):
        await into(tmp_path, await site(error))
