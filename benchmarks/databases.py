"""The databases that services are measured on: a server of each kind, and a file of SQLite.

All of them keep what was committed through a loss of power, as they do when installed, and have
the same memory for what they read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.processes import ProcessTree
from imagestore.database import urls
from tests.services import mariadb, postgresql

MEMORY = "1GB"
"""What a server keeps of its tables."""
TITLES = {"mariadb": "MariaDB", "postgresql": "PostgreSQL", "sqlite": "SQLite"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """Databases of one kind. ``tree``: the server, of which SQLite has none."""

    kind: str
    tree: ProcessTree | None
    create: Callable[[str], str]
    stop: Callable[[], None]

    @property
    def title(self) -> str:
        """For people."""
        return TITLES[self.kind]

    def database(self, name: str) -> tuple[str, ProcessTree | None]:
        """A new and empty one: its URL, as it stands in a configuration, and the server."""
        return self.create(name), self.tree


def start(kind: str, directory: Path) -> DatabaseServer:
    """Serve databases of a kind in :data:`TITLES`, all files below ``directory``."""
    return _STARTS[kind](directory)


def _mariadb(directory: Path) -> DatabaseServer:
    server = mariadb.start(directory, buffer_pool=MEMORY.removesuffix("B"))

    def create(name: str) -> str:
        # As Glance's documentation makes it. The server comes with one called "glance".
        server.execute(f"CREATE OR REPLACE DATABASE {name} CHARACTER SET utf8mb3")
        return server.database_url("mysql+pymysql", name)

    return DatabaseServer("mariadb", ProcessTree(server.pid), create, server.stop)


def _postgresql(directory: Path) -> DatabaseServer:
    server = postgresql.start(directory, shared_buffers=MEMORY, durable=True)

    def create(name: str) -> str:
        run(server.url, lambda conn: conn.execute(text(f"CREATE DATABASE {name}")), alone=True)
        return postgresql.database_url(server.port, "postgresql", name)

    return DatabaseServer("postgresql", ProcessTree(server.pid), create, server.stop)


def _sqlite(directory: Path) -> DatabaseServer:
    directory.mkdir(parents=True, exist_ok=True)
    return DatabaseServer(
        "sqlite", None, lambda name: f"sqlite:///{directory.resolve()}/{name}.sqlite", lambda: None
    )


_STARTS: Mapping[str, Callable[[Path], DatabaseServer]] = {
    "mariadb": _mariadb,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}


def run(url: str, action: Callable[[Connection], T], *, alone: bool = False) -> T:
    """One transaction of ``action``; ``alone``: each of its statements is one by itself."""
    found = urls.parse(url)
    if urls.is_embedded(found):
        found = found.set(drivername="sqlite+aiosqlite")

    async def act() -> T:
        engine = create_async_engine(found)
        try:
            async with engine.connect() as conn:
                if alone:
                    await conn.execution_options(isolation_level="AUTOCOMMIT")
                result = await conn.run_sync(action)
                await conn.commit()
                return result
        finally:
            await engine.dispose()

    return asyncio.run(act())
