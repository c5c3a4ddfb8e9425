"""Servers that are killed, started again, and stop answering, while they are asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from imagestore.config import settings
from imagestore.database import images, sessions
from imagestore.database.engine import Database
from imagestore.model.errors import ImagestoreError, Unavailable
from tests.database.samples import image
from tests.services import mariadb, postgresql, process


@dataclass
class Mortal:
    """A server that belongs to these tests."""

    start_in: Callable[..., Any]
    directory: Path
    server: Any

    def signal(self, number: signal.Signals) -> None:
        """To the server and its children, which in PostgreSQL lead groups of their own."""
        pid = self.server.pid
        for one in (pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(one), number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        while process.alive(self.server.pid):
            time.sleep(0.01)

    async def start(self) -> None:
        self.server = await asyncio.to_thread(self.start_in, self.directory, port=self.server.port)


def start_mariadb(directory: Path, **how: Any) -> mariadb.MariaDB:
    return mariadb.start(directory, buffer_pool="64M", durable=False, **how)


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def mortal_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mortal]:
    service = {"mariadb": mariadb, "postgresql": postgresql}[request.param]
    if not service.available() and not os.environ.get("CI"):
        pytest.skip(f"{request.param} is not installed")
    start = start_mariadb if request.param == "mariadb" else postgresql.start
    directory = tmp_path_factory.mktemp(request.param)
    one = Mortal(start, directory, start(directory))
    yield one
    one.kill()


@pytest.fixture
async def mortal(mortal_server: Mortal) -> Mortal:
    """It runs, whatever became of it before; images of others may be in it."""
    if not process.alive(mortal_server.server.pid):
        await mortal_server.start()
    return mortal_server


def at(mortal: Mortal, **how: Any) -> Database:
    config = settings.Database(mortal.server.url, auto_upgrade=True, max_retries=0, **how)
    return Database(config)


async def test_a_server_that_is_killed_and_comes_back(mortal: Mortal) -> None:
    database = at(mortal)
    await database.open()
    acknowledged: list[str] = []
    unavailable = 0
    ending = False

    async def write() -> None:
        nonlocal unavailable
        while not ending:
            made = image()
            try:
                await database.write(images.insert, made)
                acknowledged.append(made.id)
            except Unavailable:
                unavailable += 1
            await asyncio.sleep(0.01)

    writers = [asyncio.create_task(write()) for _ in range(6)]
    try:
        for _ in range(2):
            so_far, refused = len(acknowledged), unavailable
            async with asyncio.timeout(60):
                while len(acknowledged) < so_far + 20:
                    await asyncio.sleep(0.01)
                mortal.kill()
                while unavailable < refused + 6:
                    await asyncio.sleep(0.01)
                await mortal.start()
        so_far = len(acknowledged)
        async with asyncio.timeout(60):
            while len(acknowledged) < so_far + 20:
                await asyncio.sleep(0.01)
    finally:
        ending = True
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
    # Nothing but "not available" was ever told, and what was acknowledged is there.
    assert outcomes == [None] * 6
    for image_id in acknowledged:
        assert await database.read(images.get, image_id) is not None
    await database.close()


async def test_a_server_that_is_frozen_is_not_waited_for(mortal: Mortal) -> None:
    database = at(mortal, timeout=1)
    await database.open()
    made = image()
    mortal.signal(signal.SIGSTOP)
    try:
        for operation in (images.get, images.get):
            async with asyncio.timeout(10):
                with pytest.raises(Unavailable):
                    await database.read(operation, made.id)
    finally:
        mortal.signal(signal.SIGCONT)
    await database.write(images.insert, made)
    assert await database.read(images.get, made.id) is not None
    await database.close()


async def test_a_row_that_another_holds_is_not_waited_for(
    mortal: Mortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "LOCK_SECONDS", 1)
    database = at(mortal, timeout=20)
    await database.open()
    made = image()
    await database.write(images.insert, made)
    held, go_on = asyncio.Event(), asyncio.Event()
    tries = 0

    def hold(conn: Connection) -> None:
        images.lock(conn, made.id)
        held.set()
        await_only(go_on.wait())

    def change(conn: Connection) -> bool:
        nonlocal tries
        tries += 1
        if tries == 2:
            go_on_threadsafe()
        return images.update(conn, made.id, {"name": "new", "updated_at": made.updated_at})

    loop = asyncio.get_running_loop()

    def go_on_threadsafe() -> None:
        loop.call_soon_threadsafe(go_on.set)

    holder = asyncio.create_task(database.write(hold))
    await held.wait()
    # The first try gives up waiting, another succeeds.
    assert await database.write(change)
    assert tries >= 2
    await holder
    await database.close()


async def test_two_that_wait_for_each_other(mortal: Mortal) -> None:
    database = at(mortal)
    await database.open()
    one, two = image(), image()
    for made in (one, two):
        await database.write(images.insert, made)
    tries = 0

    def both(conn: Connection, first: str, second: str) -> None:
        nonlocal tries
        tries += 1
        images.lock(conn, first)
        conn.execute(text("SELECT 1 FROM images"))
        images.lock(conn, second)

    # Until the database has undone one of the two, which is then run again.
    for _ in range(200):
        before = tries
        await asyncio.gather(
            database.write(both, one.id, two.id), database.write(both, two.id, one.id)
        )
        if tries - before > 2:
            break
    assert tries - before > 2
    await database.close()


async def test_a_statement_that_takes_too_long(mortal: Mortal) -> None:
    database = at(mortal, timeout=1)
    await database.open()
    sleep = "SELECT sleep(20)" if "mysql" in mortal.server.url else "SELECT pg_sleep(20)"
    async with asyncio.timeout(10):
        with pytest.raises(ImagestoreError):
            await database.read(lambda conn: conn.execute(text(sleep)).all())
    assert await database.read(images.get, "unknown") is None
    await database.close()
