"""A process tells of itself."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from imagestore.backends.blocks import BlockPool
from imagestore.backends.shared_memory import shared_memory
from imagestore.config import settings
from imagestore.database.engine import Database
from imagestore.model.errors import Unavailable
from imagestore.observing import metrics
from imagestore.workers import process


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"imagestore_{name}", labels) or 0.0


async def test_it_tells_when_it_is_late_and_how_large_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOOK", 0.01)
    cpu, late = value("process_cpu_seconds_total"), value("event_loop_lag_seconds_sum")
    watching = asyncio.create_task(process.watch(database))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    time.sleep(0.3)
    async with asyncio.timeout(30):
        while value("event_loop_lag_seconds_sum") - late < 0.25:
            await asyncio.sleep(0.01)
    watching.cancel()
    assert value("process_cpu_seconds_total") > cpu
    assert value("process_resident_bytes") > 1 << 20
    assert 0 < value("process_open_files") < value("process_open_files_limit")
    assert value("workers") == 1
    load = database.load
    assert load.in_use + load.idle > 0
    told = sum(value("database_connections", state=state) for state in ("in_use", "idle"))
    assert told == load.in_use + load.idle


@pytest.mark.parametrize("url", ["embedded"], indirect=True)
async def test_what_a_busy_time_left_behind_goes_back_to_the_system(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOOK", 0.01)
    monkeypatch.setattr(process, "_IDLE", 100)  # how busy this machine is is not the question
    watching = asyncio.create_task(process.watch(database))
    await asyncio.sleep(0.05)
    pool = BlockPool(block_size=1 << 20, kept=32)
    blocks = [pool.take() for _ in range(32)]
    for block in blocks:
        block[:] = b"x" * len(block)
    del block, blocks
    async with asyncio.timeout(30):
        while os.fstat(shared_memory().descriptor).st_blocks * 512 >= 32 << 20:
            await asyncio.sleep(0.01)
    watching.cancel()


async def test_transactions_are_timed_and_failures_counted(url: str) -> None:
    before = {kind: value("database_seconds_count", operation=kind) for kind in KINDS}
    failed = value("database_failures_total")
    database = Database(settings.Database(url, auto_upgrade=True), metrics.count_transaction)
    await database.open()
    after_open = {kind: value("database_seconds_count", operation=kind) for kind in KINDS}
    await database.select(lambda conn: None)
    await database.write(lambda conn: None)
    with pytest.raises(ZeroDivisionError):
        await database.read(lambda conn: 1 / 0)
    await database.close()
    assert all(after_open[kind] >= before[kind] for kind in KINDS)
    for kind in KINDS:
        assert value("database_seconds_count", operation=kind) == after_open[kind] + 1
    assert value("database_failures_total") == failed
    if url.startswith("sqlite:"):
        with pytest.raises(Unavailable):
            await database.read(lambda conn: None)
        assert value("database_failures_total") == failed + 1


KINDS = ("select", "read", "write")
