"""What is told of the state of things when somebody reads the metrics, and what that costs."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from imagestore.backends.testing.faulty import away, hang
from imagestore.catalog import figures
from imagestore.catalog.integrity.patrol import Patrol
from imagestore.database import jobs
from imagestore.model.clock import now
from imagestore.model.errors import OverLimit, Unavailable
from imagestore.model.job import JobDraft
from imagestore.observing import metrics
from tests.catalog.conftest import ALICE, DATA, House, blocks_of, opened
from tests.service.conftest import settings_in, small


def value(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(f"imagestore_{name}", labels)


async def refreshed(house: House) -> None:
    """As if nobody had looked for long."""
    figures_ = house.catalog.figures
    figures_._asked = figures_._weighed = -1000.0
    await figures_.refresh()
    if figures_._weighing is not None:
        await figures_._weighing


async def test_jobs_are_told_by_kind_and_age(house: House) -> None:
    due = now() - timedelta(seconds=100)
    for number, moment in enumerate((due, None, now() + timedelta(hours=1))):
        draft = JobDraft("copy", image_id=str(number), not_before=moment)
        await house.database.write(jobs.enqueue, draft, now())
    await refreshed(house)
    assert value("jobs", kind="copy", state="queued") == 3
    assert value("jobs", kind="copy", state="failed") == 0
    assert 100 <= (value("jobs_waiting_seconds", kind="copy") or 0) < 200
    assert value("jobs_waiting_seconds", kind="import") == 0
    assert value("database_up") == 1


async def test_no_more_is_read_where_there_is_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement walks an index and ends after some thousands of rows, or has few to read."""
    sent: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    def explain(conn: Connection) -> list[str]:
        event.listen(conn.engine, "before_cursor_execute", note)
        return []

    await house.database.read(explain)
    await refreshed(house)

    def plans(conn: Connection) -> list[str]:
        event.remove(conn.engine, "before_cursor_execute", note)
        rows = [
            row
            for statement, parameters in tuple(sent)
            for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
        return [row[3] for row in rows]

    read = [line for line in await house.database.read(plans) if "imagestore_" in line]
    assert read
    small_tables = ("imagestore_reservations", "imagestore_patrol")
    for line in read:
        assert line.startswith("SEARCH") or line.endswith(small_tables), line
    assert not any(re.search(r"FROM images\b", statement) for statement, _ in sent)
    assert sum("LIMIT" in statement for statement, _ in sent) == 3


async def test_who_asks_again_at_once_gets_what_is_known(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refreshed(house)
    asked = []
    monkeypatch.setattr(house.database, "read", lambda *given: asked.append(given))
    await house.catalog.figures.refresh()
    assert not asked


async def test_a_database_that_is_away_holds_nothing_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> None:
        raise Unavailable("away")

    async def wait(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(figures, "PATIENCE", 0.01)
    for broken in (refuse, wait):
        metrics.DATABASE_UP.set(1)
        monkeypatch.setattr(house.database, "read", broken)
        await refreshed(house)
        assert value("database_up") == 0


async def test_the_room_of_every_store_is_told(house: House, remote: House) -> None:
    await refreshed(house)
    for store in ("file1", "file2"):
        capacity, free = (
            value("store_capacity_bytes", store=store),
            value("store_free_bytes", store=store),
        )
        assert capacity
        assert free
        assert free <= capacity
    # One that is away, or does not answer, takes nothing from the others nor from who reads.
    remote.store("first").fail({"capacity": [away()] * 9})
    remote.store("second").fail({"capacity": [hang]})
    figures_ = remote.catalog.figures
    await figures_.refresh()
    assert value("database_up") == 1
    await figures_.close()


async def test_how_old_the_oldest_copy_is_that_nobody_has_compared(
    working: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    patrol = working.catalog.patrol
    assert await patrol.verified_since() is None
    await working.active()
    go_on = asyncio.Event()
    go_on.set()
    check = Patrol._check

    async def wait(self: Patrol, *given: Any) -> None:
        await go_on.wait()
        await check(self, *given)

    monkeypatch.setattr(Patrol, "_check", wait)

    async def whole_pass() -> Any:
        job = await patrol.start(rate=0)
        async with asyncio.timeout(30):
            while (await working.catalog.jobs.show(job.id)).state != "done":
                await asyncio.sleep(0.01)
        return await patrol.progress()

    first = await whole_pass()
    assert await patrol.verified_since() == first.started_at
    go_on.clear()
    job = await patrol.start(rate=0)
    async with asyncio.timeout(30):
        while (await patrol.progress()).finished_at is not None:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
    # While the next pass is at work, it is still the one before that counts.
    assert await patrol.verified_since() == first.started_at
    await refreshed(working)
    told = value("patrol_verified_since_timestamp_seconds")
    assert told == figures._seconds(first.started_at)
    go_on.set()
    async with asyncio.timeout(30):
        while (await working.catalog.jobs.show(job.id)).state != "done":
            await asyncio.sleep(0.01)
    assert await patrol.verified_since() > first.started_at  # type: ignore[operator]


async def test_what_a_quota_refuses_is_counted(tmp_path: Any) -> None:
    settings = settings_in(tmp_path, limits=small(user_storage_quota=3))
    async with opened(settings) as house:
        before = value("quota_refusals_total", limit="user_storage_quota") or 0
        image = await house.queued(owner="one")
        with pytest.raises(OverLimit):
            await house.catalog.uploads.upload(ALICE, image.id, blocks_of(DATA))
        assert value("quota_refusals_total", limit="user_storage_quota") == before + 1
        await refreshed(house)
        assert value("quota_limit_bytes") == 3
        assert value("quota_reserved_bytes") == 0
