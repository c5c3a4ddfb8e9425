"""The worker that tells of its own process: is it late, how large is it, what does it wait for."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from pathlib import Path

from imagestore.database.engine import Database
from imagestore.observing import metrics
from imagestore.workers.forever import forever

LOOK = 1.0
"""Seconds between two looks at the clock."""
_LOOKS = 10
"""After so many of them, at what takes longer to know."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def watch(database: Database) -> None:
    """Tell of this process until cancelled."""
    metrics.WORKERS.set(1)
    metrics.PROCESS_START.set(time.time())
    cpu = 0.0

    async def work() -> None:
        nonlocal cpu
        loop = asyncio.get_running_loop()
        while True:
            cpu = _tell(database, cpu)
            for _ in range(_LOOKS):
                due = loop.time() + LOOK
                await asyncio.sleep(LOOK)
                metrics.LOOP_LAG.observe(max(0.0, loop.time() - due))

    await forever("process", work)


def _tell(database: Database, cpu: float) -> float:
    """``cpu``: seconds of the processor that are told already; what they are now."""
    load = database.load
    metrics.DATABASE_CONNECTIONS.labels("in_use").set(load.in_use)
    metrics.DATABASE_CONNECTIONS.labels("idle").set(load.idle)
    metrics.DATABASE_WAITING.set(load.waiting)
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    metrics.PROCESS_MEMORY.set(resident * _PAGE)
    metrics.PROCESS_FILES.set(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
    metrics.PROCESS_FILES_LIMIT.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    used = resource.getrusage(resource.RUSAGE_SELF)
    metrics.PROCESS_CPU.inc(max(0.0, used.ru_utime + used.ru_stime - cpu))
    return used.ru_utime + used.ru_stime
