"""How often a database server is asked for one operation, counted on the wire."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.util import await_only

from imagestore.config import settings
from imagestore.database import images, pooled
from imagestore.database.engine import Database
from imagestore.model.image import Location
from imagestore.model.query import ImageQuery, Scope
from tests.database.samples import LATER, image

pytestmark = pytest.mark.parametrize("url", ["mariadb", "postgresql"], indirect=True)


@dataclass
class Wire:
    """Stands between the service and a database server."""

    url: str
    connections: int = 0
    trips: int = 0
    """How often the service spoke after the server had."""

    async def carry(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        self.connections += 1
        url = make_url(self.url)
        assert url.host is not None
        server, ask = await asyncio.open_connection(url.host, url.port)
        is_answered = True

        async def ask_all() -> None:
            nonlocal is_answered
            while data := await client.read(1 << 16):
                self.trips += is_answered
                is_answered = False
                ask.write(data)
            ask.close()

        async def answer_all() -> None:
            nonlocal is_answered
            while data := await server.read(1 << 16):
                is_answered = True
                answer.write(data)
            answer.close()

        try:
            with contextlib.suppress(OSError):
                await asyncio.gather(ask_all(), answer_all())
        finally:
            # Also after a reset: the server has to hear of it, or it keeps locks.
            ask.close()
            answer.close()


@pytest.fixture
def wire(url: str) -> Wire:
    return Wire(url)


@contextlib.asynccontextmanager
async def opened(wire: Wire, connections: int = 1) -> AsyncIterator[Database]:
    """The database by way of the wire."""
    server = asyncio.start_server(wire.carry, "127.0.0.1", 0)
    async with await server as listener:
        port = listener.sockets[0].getsockname()[1]
        url = make_url(wire.url).set(host="127.0.0.1", port=port)
        config = settings.Database(
            url.render_as_string(hide_password=False), max_pool_size=connections, max_retries=0
        )
        database = Database(config)
        await database.open()
        try:
            yield database
        finally:
            await database.close()


async def test_how_many_trips_an_operation_takes(wire: Wire) -> None:
    made = image(
        properties={"os_distro": "debian", "long": "x" * 5000},
        tags=("one",),
        locations=(Location("file:///one", {}),),
    )

    def change(conn: Connection) -> None:
        assert conn.execute(text("UPDATE images SET min_ram = 7")).rowcount == 1

    async with opened(wire) as database:
        await database.write(images.insert, made)
        found = {}
        for name, operation in {
            "show": lambda: database.select(images.get, made.id, project_id="two"),
            "list": lambda: database.read(images.select_page, Scope("one"), ImageQuery(25)),
            "change": lambda: database.write(change),
        }.items():
            await operation()  # statements are prepared when they are first met
            before = wire.trips
            await operation()
            found[name] = wire.trips - before
    # A list: begin, how many images are shared with the project, the page, its children, those
    # with long values, commit. MariaDB is told in one trip more what a transaction that writes is
    # to see.
    assert found == {"show": 1, "list": 6, "change": 3 + ("mysql" in wire.url)}


async def test_an_operation_that_waits_is_given_a_connection_that_comes_free(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooled, "PATIENCE", 60)
    made = image()
    async with opened(wire, connections=2) as database:
        await database.write(images.insert, made)
        await asyncio.gather(*(database.select(images.get, made.id) for _ in range(40)))
    assert wire.connections <= 2


async def test_slow_operations_do_not_keep_others_waiting(wire: Wire) -> None:
    go_on = asyncio.Event()
    made = image()

    def hold(conn: Connection) -> None:
        await_only(go_on.wait())

    async with opened(wire, connections=2) as database:
        await database.write(images.insert, made)
        holders = [asyncio.create_task(database.read(hold)) for _ in range(3)]
        assert await database.select(images.get, made.id) is not None
        go_on.set()
        await asyncio.gather(*holders)


async def test_a_second_statement_would_see_another_moment(wire: Wire) -> None:
    def both(conn: Connection) -> None:
        conn.execute(text("SELECT 1"))
        conn.execute(text("SELECT 2"))

    async with opened(wire) as database:
        with pytest.raises(AssertionError, match="another moment"):
            await database.select(both)
        await database.read(both)


async def test_who_gives_up_leaves_no_transaction_behind(wire: Wire) -> None:
    mine, others = image(name="mine"), image(name="others")
    values = {"name": "mine", "updated_at": LATER}

    def is_in_transaction(conn: Connection) -> bool:
        driver = conn.connection.driver_connection
        if "mysql" in wire.url:
            return bool(driver.get_transaction_status())
        return bool(driver.is_in_transaction())

    async with opened(wire) as database:
        for made in (mine, others):
            await database.write(images.insert, made)
        for turns in range(60):
            given_up = [
                asyncio.create_task(database.write(images.update, mine.id, values)),
                asyncio.create_task(database.read(images.get, mine.id)),
                asyncio.create_task(database.select(images.get, mine.id)),
            ]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in given_up:
                task.cancel()
            await asyncio.wait(given_up)
            row = await database.select(images.get, others.id)
            assert row is not None
            assert row.image.name == "others"
            assert not await database.select(is_in_transaction)
            # Not kept out by a lock that nobody gives back.
            assert await database.write(images.update, mine.id, values)
