"""The whole service in this process: a real database, real file stores, real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from imagestore import app
from imagestore.config.settings import (
    Database,
    Identity,
    Limits,
    Settings,
    Stores,
    StoreSection,
)
from imagestore.config.store_sections import STAGED_LEFTOVERS, STAGING
from imagestore.serving.connections import Runner
from tests.services.databases import mariadb, postgresql, tables_in_a_file, url_of

__all__ = ["mariadb", "postgresql"]

OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
DRAFT = {"disk_format": "raw", "container_format": "bare"}


def settings_in(directory: Path, **changes: Any) -> Settings:
    """Two file stores and SQLite below ``directory``, callers by trusted headers."""
    if "database" not in changes:
        with contextlib.suppress(FileExistsError), (directory / "db.sqlite").open("xb") as file:
            file.write(tables_in_a_file())
    sections = tuple(
        StoreSection(name, "file", {"filesystem_store_datadir": str(directory / name)})
        for name in ("file1", "file2")
    )
    staging = StoreSection(
        STAGING,
        "file",
        {"filesystem_store_datadir": str(directory / "staging"), "leftovers": STAGED_LEFTOVERS},
    )
    settings = Settings(
        data_dir=directory,
        identity=Identity(flavor="trusted-headers"),
        database=Database(f"sqlite:///{directory / 'db.sqlite'}", auto_upgrade=True),
        stores=Stores(sections, "file1", multiple=True, reserved=(staging,)),
    )
    return replace(settings, **changes)


class AppServer(TestServer):
    """Serves an application as ``imagestore serve`` does: what holds for connections holds here."""

    async def _make_runner(self, **options: Any) -> web.AppRunner:
        return Runner(self.app, max_line=16384, patience=60, **options | AS_SERVED)


AS_SERVED = {"handler_cancellation": False, "auto_decompress": False}


@dataclass
class Person:
    """A client with an identity."""

    client: TestClient[Any, Any]
    project: str
    roles: str = "member,reader"

    async def __call__(self, method: str, path: str, **arguments: Any) -> ClientResponse:
        headers = {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": f"user-of-{self.project}",
            "X-Project-Id": self.project,
            "X-Roles": self.roles,
            **arguments.pop("headers", {}),
        }
        return await self.client.request(method, path, headers=headers, **arguments)

    async def create(self, **draft: Any) -> dict[str, Any]:
        """A new image, ``raw`` and ``bare`` unless said otherwise."""
        answer = await self("POST", "/v2/images", json=DRAFT | draft)
        assert answer.status == 201, await answer.text()
        image: dict[str, Any] = await answer.json()
        return image

    async def upload(self, image: str, data: Any, **headers: str) -> int:
        answer = await self("PUT", f"/v2/images/{image}/file", data=data, headers=OCTETS | headers)
        return answer.status

    async def show(self, image: str) -> dict[str, Any]:
        answer = await self("GET", f"/v2/images/{image}")
        assert answer.status == 200, await answer.text()
        shown: dict[str, Any] = await answer.json()
        return shown

    async def patch(self, image: str, *operations: dict[str, Any]) -> ClientResponse:
        return await self("PATCH", f"/v2/images/{image}", json=list(operations), headers=PATCH)


@dataclass
class Service:
    client: TestClient[Any, Any]
    settings: Settings

    def person(self, project: str, roles: str = "member,reader") -> Person:
        return Person(self.client, project, roles)

    def files(self) -> set[str]:
        """What lies in the stores."""
        return {
            path.name
            for name in ("file1", "file2")
            for path in (self.settings.data_dir / name).iterdir()
        }


Start = Callable[..., Awaitable[Service]]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without rows: in SQLite, or of each kind for ``every_database``."""
    return url_of(request, request.param, tmp_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask on each database what differs there; the statements themselves are asked in
    ``tests/database``, and what lies above them is the same on all.
    """
    definitions = metafunc._arg2fixturedefs.get("url")
    if not definitions or definitions[-1].func.__module__ != __name__:
        return
    marks = list(metafunc.definition.iter_markers())
    if any(mark.name == "parametrize" and mark.args[0] == "url" for mark in marks):
        return
    every = any(mark.name == "every_database" for mark in marks)
    kinds = ("embedded", "mariadb", "postgresql") if every else ("embedded",)
    metafunc.parametrize("url", kinds, indirect=True)


@pytest.fixture
async def start(tmp_path: Path, url: str) -> AsyncIterator[Start]:
    """Start a service with some settings changed."""
    clients: list[TestClient[Any, Any]] = []

    async def starter(**changes: Any) -> Service:
        database = Database(url, auto_upgrade=True)
        settings = settings_in(tmp_path, **{"database": database, **changes})
        client: TestClient[Any, Any] = TestClient(AppServer(app.create(settings)))
        await client.start_server()
        clients.append(client)
        return Service(client, settings)

    yield starter
    for client in clients:
        await client.close()


@pytest.fixture
async def service(start: Start) -> Service:
    return await start()


@pytest.fixture
def alice(service: Service) -> Person:
    return service.person("red")


@pytest.fixture
def bob(service: Service) -> Person:
    return service.person("blue")


@pytest.fixture
def admin(service: Service) -> Person:
    return service.person("ops", "admin,member,reader")


def small(**limits: int) -> Limits:
    return Limits(**limits)
