"""A service with every door open, and what brings bytes to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from imagestore import app
from imagestore.api import keys
from imagestore.backends.base import Stored
from imagestore.backends.file.store import FileStore
from imagestore.backends.http import AddressRules
from imagestore.catalog.catalog import Catalog
from imagestore.config.replication import Rule, parse
from imagestore.config.settings import (
    Cache,
    Identity,
    Images,
    Limits,
    Notifications,
    Replication,
    Settings,
    Signatures,
    Site,
    StoreSection,
)
from imagestore.database import events, images, journal
from imagestore.database.engine import Database
from imagestore.model.job import ACTIVE
from imagestore.serving.ending import REGISTRY
from tests.service.conftest import Person, Service, settings_in
from tests.service.faults import database
from tests.service.web import Web, served_files
from tests.services.databases import tables_in_a_file

METHODS = ("glance-direct", "web-download", "copy-image", "glance-download")
RECURRING = frozenset({"replication", "housekeeping", "orphans", "site", "scrub", "patrol"})
"""Kinds of jobs that are always there."""
GOLDEN, TIN = "golden", "tin"
"""Tags: of what a rule wants in the second store, and of what is pushed to the peer."""


@dataclass
class Stores:
    """What the file stores are seen to do, and what is to happen meanwhile.

    ``before`` and ``after`` are awaited around every write with the store's name and the image's
    id; what ``after`` raises is what the store then fails with.
    """

    before: list[Callable[[str, str], Awaitable[object]]] = field(default_factory=list)
    after: list[Callable[[str, str], Awaitable[object]]] = field(default_factory=list)
    written: list[tuple[str, str]] = field(default_factory=list)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("add", "copy"):
            monkeypatch.setattr(FileStore, name, self._watched(getattr(FileStore, name)))

    def _watched(self, original: Callable[..., Awaitable[Stored]]) -> Callable[..., Any]:
        async def write(store: FileStore, image_id: str, *args: Any, **more: Any) -> Stored:
            self.written.append((store.name, image_id))
            for see in self.before:
                await see(store.name, image_id)
            stored = await original(store, image_id, *args, **more)
            try:
                for see in self.after:
                    await see(store.name, image_id)
            except BaseException:
                await store.delete(stored.url)
                raise
            return stored

        return write


@dataclass
class Origin:
    """A web server from which images are fetched."""

    web: Web
    count: int = 0

    def has(self, data: bytes) -> str:
        """Serve the data; its URL."""
        self.count += 1
        self.web.files[f"/{self.count}"] = data
        return f"{self.web.url}/{self.count}"


@dataclass
class World:
    """``alice`` has images, ``bob`` is of another project, ``admin`` an administrator."""

    service: Service
    registry: TestClient[Any, Any]
    web: Origin
    stores: Stores
    peer: Service | None = None
    region: str = ""
    token: str = ""
    directory: Path = Path()

    @property
    def alice(self) -> Person:
        return self.service.person("red")

    @property
    def bob(self) -> Person:
        return self.service.person("blue")

    @property
    def admin(self) -> Person:
        return self.service.person("ops", "admin,member,reader")

    @property
    def catalog(self) -> Catalog:
        return self.service.client.app[keys.catalog]

    @property
    def database(self) -> Database:
        return database(self.service)

    def path(self, store: str, image: str) -> Path:
        return self.service.settings.data_dir / store / image

    async def quiet(self, image: str | None = None) -> None:
        """Wait until no job is queued or running but those that always are."""
        async with asyncio.timeout(60):
            while True:
                found = await self.catalog.jobs.list(states=ACTIVE, image_id=image)
                if all(job.kind.partition("@")[0] in RECURRING for job in found):
                    return
                await asyncio.sleep(0.02)

    async def failed(self, image: str) -> None:
        """Wait until the work on the image has failed at least once, or has ended."""
        async with asyncio.timeout(60):
            while True:
                found = await self.catalog.jobs.list(image_id=image)
                left = [job for job in found if job.state in ACTIVE]
                if all(job.message for job in left):
                    return
                await asyncio.sleep(0.02)

    async def status(self, image: str) -> str:
        """Of the image as it is recorded; "gone" if it is not there."""
        row = await self.database.read(images.get, image, include_pending_delete=True)
        return row.image.status.value if row else "gone"

    async def passed(self, image: str, *, to_fail: bool = False) -> str:
        """Wait until a pass of the site has been at the image; why that failed, or nothing."""
        async with asyncio.timeout(60):
            while True:
                for job in await self.catalog.jobs.list(kind="site"):
                    last = job.payload.get("last") or {}
                    if image in last.get("failed", {}):
                        return str(last["failed"][image])
                if not to_fail and await self.status(image) == "active":
                    return ""
                await asyncio.sleep(0.02)

    async def told(self, image: str) -> list[str]:
        """The kinds of the events of the image."""
        found = await self.database.read(events.select_after, 0, 1000)
        return [one.kind for one in found if one.image_id == image]

    async def journal(self) -> list[journal.Entry]:
        return list(await self.database.read(journal.entries))


def rules() -> Replication:
    wanted = Rule("golden", ("file2",), (parse(f"tag={GOLDEN}"),), 1)
    return Replication((wanted,), interval=0.0, grace=0.0, server_side=False)


@asynccontextmanager
async def world(
    directory: Path, stores: Stores, *, peer: bool = False, **changes: Any
) -> AsyncIterator[World]:
    """``peer``: another service beside it, with which images can be kept equal."""
    clients: list[TestClient[Any, Any]] = []

    tables = await asyncio.to_thread(tables_in_a_file)

    async def start(settings: Settings) -> Service:
        (settings.data_dir / "db.sqlite").write_bytes(tables)
        client: TestClient[Any, Any] = TestClient(TestServer(app.create(settings)))
        await client.start_server()
        clients.append(client)
        return Service(client, settings)

    async with served_files() as web:
        other = None
        if peer:
            (directory / "peer").mkdir()
            other = await start(settings_in(directory / "peer", identity=Identity(flavor="")))
            peer_url = str(other.client.make_url("/"))
            sites = changes.pop("sites", None)
            if sites:
                changes["sites"] = (Site("north", url=peer_url, interval=0.2, **sites),)
        (directory / "here").mkdir()
        settings = settings_in(directory / "here", **settings_for(directory, web, **changes))
        service = await start(settings)
        registry: TestClient[Any, Any] = TestClient(TestServer(service.client.app[REGISTRY]))
        await registry.start_server()
        clients.append(registry)
        try:
            yield World(service, registry, Origin(web), stores, other, directory=directory)
        finally:
            for client in reversed(clients):
                await client.close()


def settings_for(directory: Path, web: Web, **changes: Any) -> dict[str, Any]:
    allowed = {
        "http_store_allowed_hosts": ("127.0.0.1",),
        "http_store_allowed_ports": (str(web.port),),
    }
    base = settings_in(directory / "here").stores
    sections = (*base.sections, StoreSection("web", "http", allowed))
    return {
        "stores": replace(base, sections=sections),
        "import_filter": AddressRules(allowed_hosts=("127.0.0.1",), allowed_ports=(web.port,)),
        "images": Images(enabled_import_methods=METHODS, show_multiple_locations=True),
        "replication": rules(),
        "notifications": Notifications(driver=("log",)),
        "limits": Limits(),
        "signatures": Signatures("tests.key_manager.FileKeyManager"),
        "cache": Cache(
            directory / "cache", serving=True, management=True, node="http://one", local_stores=True
        ),
        **changes,
    }


def flip(path: Path) -> None:
    """One bit of the file is another one."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    mode = path.stat().st_mode
    os.chmod(path, mode | 0o200)
    path.write_bytes(data)
