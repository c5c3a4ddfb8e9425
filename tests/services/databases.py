"""Database servers for tests: one of each kind for all processes of a run.

Each process has a database of its own on them, whose tables are made once and
emptied before every test; :meth:`Server.fresh` makes further ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import asyncmy
import asyncpg
import pytest
from asyncmy.constants import CLIENT
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from imagestore.config import settings
from imagestore.database import urls
from imagestore.database.engine import Database
from imagestore.database.schema import metadata, peer_version
from tests.services import mariadb as mariadb_service
from tests.services import postgresql as postgresql_service
from tests.services.shared import Service, shared


@dataclass
class Server:
    """A running server. ``url`` names a database that all processes may connect to."""

    url: str
    _emptied: str = field(default="")

    def fresh(self) -> str:
        """The URL of a new database without tables."""
        name = f"t{uuid.uuid4().hex}"
        asyncio.run(execute(self.url, f"CREATE DATABASE {name}{self._character_set}"))
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def emptied(self) -> str:
        """The URL of this process's database, which has all tables and no rows."""
        if self._emptied:
            asyncio.run(_empty(self._emptied))
        else:
            self._emptied = self.fresh()
            asyncio.run(_upgrade(self._emptied))
        return self._emptied

    @property
    def _character_set(self) -> str:
        # As Glance's documentation makes it: compared without regard to case, 3 bytes a character.
        return " CHARACTER SET utf8mb3" if self.url.startswith("mysql") else ""


async def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    engine = create_async_engine(urls.parse(url), isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as conn:
            for statement in statements:
                await conn.execute(text(statement))
    finally:
        await engine.dispose()


async def _upgrade(url: str) -> None:
    database = Database(settings.Database(url, max_retries=0))
    await database.connect()
    await database.upgrade()
    await database.close()


async def _empty(url: str) -> None:
    """In one question: this is done before each of a thousand tests."""
    at, tables = make_url(url), reversed(metadata.sorted_tables)
    statements = "; ".join(f"DELETE FROM {table}" for table in tables if table is not peer_version)
    if url.startswith("mysql"):
        where = {"host": at.host, "port": at.port, "db": at.database}
        who = {"user": at.username, "password": at.password}
        how = {"client_flag": CLIENT.MULTI_STATEMENTS, "autocommit": True}
        async with asyncmy.connect(**where, **who, **how) as conn, conn.cursor() as cursor:
            await cursor.execute(statements)
            while await cursor.nextset():
                pass
    else:
        at = at.set(drivername="postgresql")
        conn = await asyncpg.connect(at.render_as_string(hide_password=False))
        try:
            await conn.execute(statements)
        finally:
            await conn.close()


def _start_mariadb(directory: Path) -> Service:
    return mariadb_service.start(directory, buffer_pool="128M", durable=False)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _served(mariadb_service, tmp_path_factory) as url:
        # As it stands in the files of a deployed Glance.
        yield Server(url)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _served(postgresql_service, tmp_path_factory) as url:
        yield Server(url)


@contextlib.contextmanager
def _served(service: ModuleType, factory: pytest.TempPathFactory) -> Iterator[str]:
    if not service.available() and not os.environ.get("CI"):
        pytest.skip(f"{service.__name__.rpartition('.')[2]} is not installed")
    place = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    start = _start_mariadb if service is mariadb_service else service.start
    with shared(place / service.__name__.rpartition(".")[2], start) as url:
        yield url


def url_of(request: pytest.FixtureRequest, kind: str, directory: Path) -> str:
    """The URL of a database of that kind, one of :data:`KINDS`; a server is started if need be.

    It has all tables, and no rows. One on a server is handed out again to the next who asks.
    """
    if kind in ("mariadb", "postgresql"):
        server: Server = request.getfixturevalue(kind)
        return server.emptied()
    url = in_file(kind, directory)
    (directory / FILE).write_bytes(tables_in_a_file())
    return url


@functools.cache
def tables_in_a_file() -> bytes:
    """A file of SQLite with all tables: to copy it takes a tenth of making them."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(1) as beside_a_loop:
        beside_a_loop.submit(asyncio.run, _upgrade(in_file("embedded", Path(name)))).result()
        return (Path(name) / FILE).read_bytes()


def fresh_url_of(request: pytest.FixtureRequest, kind: str, directory: Path) -> str:
    """The URL of a database of that kind without tables, for the caller alone."""
    if kind in ("mariadb", "postgresql"):
        server: Server = request.getfixturevalue(kind)
        return server.fresh()
    return in_file(kind, directory)


def in_file(kind: str, directory: Path) -> str:
    driver = "sqlite" if kind == "embedded" else "sqlite+aiosqlite"
    return f"{driver}:///{directory / FILE}"


FILE = "images.sqlite"
DIALECTS = ("embedded", "mariadb", "postgresql")
"""The kinds of databases: what is asked in SQL is asked of each."""
KINDS = ("embedded", "pooled", "mariadb", "postgresql")
"""The ways that rows are kept, two of them in a file of SQLite: where it matters who runs what."""
