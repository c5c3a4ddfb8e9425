"""The worker that looks after its own process: it tells whether it is late, how large it is and
what it waits for, and gives memory back that a busy time has left behind."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import resource
import time
from pathlib import Path

from imagestore.backends import blocks
from imagestore.database.engine import Database
from imagestore.observing import metrics
from imagestore.workers.forever import forever

LOOK = 1.0
"""Seconds between two looks at the clock."""
_LOOKS = 10
"""After so many of them, at what takes longer to know."""
_IDLE = 0.05
"""Seconds of the processor a second: what has no more to do can spare the time to tidy up."""
_WORTH_IT = 8 << 20
"""Bytes by which a process has grown."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def watch(database: Database) -> None:
    """Tell of this process until cancelled."""
    metrics.WORKERS.set(1)
    metrics.PROCESS_START.set(time.time())
    cpu = 0.0
    least = _resident()

    async def work() -> None:
        nonlocal cpu, least
        loop = asyncio.get_running_loop()
        while True:
            before, cpu = cpu, _tell(database, cpu)
            if cpu - before < _IDLE * _LOOKS * LOOK and _resident() > least + _WORTH_IT:
                await asyncio.to_thread(give_memory_back)
                least = _resident()
            for _ in range(_LOOKS):
                due = loop.time() + LOOK
                await asyncio.sleep(LOOK)
                metrics.LOOP_LAG.observe(max(0.0, loop.time() - due))

    await forever("process", work)


def give_memory_back() -> None:
    """Buffers that wait for the next transfer, garbage, and what the allocator holds on to.

    Of what many connections took, the system gets nothing back otherwise.
    """
    blocks.give_back()
    gc.collect()
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _tell(database: Database, cpu: float) -> float:
    """``cpu``: seconds of the processor that are told already; what they are now."""
    load = database.load
    metrics.DATABASE_CONNECTIONS.labels("in_use").set(load.in_use)
    metrics.DATABASE_CONNECTIONS.labels("idle").set(load.idle)
    metrics.DATABASE_WAITING.set(load.waiting)
    metrics.PROCESS_MEMORY.set(_resident())
    metrics.PROCESS_FILES.set(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
    metrics.PROCESS_FILES_LIMIT.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    used = resource.getrusage(resource.RUSAGE_SELF)
    metrics.PROCESS_CPU.inc(max(0.0, used.ru_utime + used.ru_stime - cpu))
    return used.ru_utime + used.ru_stime
