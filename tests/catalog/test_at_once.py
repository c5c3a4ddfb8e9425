"""An image that changes at the very moment at which somebody deletes or deactivates it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from imagestore.database import images
from imagestore.model.clock import now
from imagestore.model.errors import Forbidden
from imagestore.model.image import ImageStatus
from tests.catalog.conftest import ALICE, House, opened
from tests.service.conftest import settings_in
from tests.services.databases import mariadb, postgresql, url_of

__all__ = ["mariadb", "postgresql"]

WAITING = {
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
}


@pytest.fixture(params=["mariadb", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a server: SQLite has one writer."""
    return url_of(request, request.param, tmp_path)


@pytest.fixture
async def house(url: str, tmp_path: Path) -> AsyncIterator[House]:
    settings = settings_in(tmp_path)
    settings = replace(settings, database=replace(settings.database, connection=url))
    async with opened(settings) as opened_house:
        yield opened_house


async def beside(
    house: House, change: Callable[[Connection], object], operation: Coroutine[Any, Any, object]
) -> None:
    """The operation, begun between a change and its commit."""
    changed, may_end = asyncio.Event(), asyncio.Event()

    def change_slowly(conn: Connection) -> None:
        change(conn)
        changed.set()
        await_only(may_end.wait())

    def waits(conn: Connection) -> bool:
        return bool(conn.scalar(text(WAITING[conn.dialect.name])))

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(house.database.write(change_slowly))
        await changed.wait()
        deletion = group.create_task(operation)
        while not deletion.done() and not await house.database.select(waits):
            await asyncio.sleep(0.15)  # MariaDB tells what it told, when asked again sooner
        may_end.set()


async def test_an_upload_that_ends_meanwhile_hides_no_image(house: House) -> None:
    """It was answered with 404, and the image stayed."""
    image = await house.queued(status=ImageStatus.SAVING)

    def end(conn: Connection) -> None:
        images.transition(
            conn, image.id, {ImageStatus.SAVING}, ImageStatus.QUEUED, updated_at=now()
        )

    await beside(house, end, house.catalog.deletions.delete(ALICE, image.id))
    assert await house.database.read(images.get, image.id) is None


async def test_who_protects_an_image_meanwhile_keeps_it(house: House) -> None:
    image = await house.active()

    def protect(conn: Connection) -> None:
        images.update(conn, image.id, {"protected": True, "updated_at": now()})

    with pytest.RaisesGroup(Forbidden):
        await beside(house, protect, house.catalog.deletions.delete(ALICE, image.id))
    assert (await house.image(image.id)).protected


async def test_of_two_that_deactivate_an_image_none_is_told_that_it_is_gone(house: House) -> None:
    image = await house.active()

    def deactivate(conn: Connection) -> None:
        images.transition(
            conn, image.id, {ImageStatus.ACTIVE}, ImageStatus.DEACTIVATED, updated_at=now()
        )

    await beside(house, deactivate, house.catalog.images.deactivate(ALICE, image.id))
    assert (await house.image(image.id)).status is ImageStatus.DEACTIVATED
