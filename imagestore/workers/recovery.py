"""The worker that keeps this process's journal rows alive and takes over those of dead ones."""

from __future__ import annotations

import asyncio
import logging

from imagestore.catalog.integrity.hold import Hold
from imagestore.catalog.integrity.recovery import HEARTBEAT, LEASE, Recovery

log = logging.getLogger(__name__)


async def watch(recovery: Recovery, hold: Hold) -> None:
    """Renew every ``HEARTBEAT``, look for what was left behind every ``LEASE``; for ever."""
    loop = asyncio.get_running_loop()
    next_look = loop.time()
    while True:
        try:
            await recovery.renew()
            await hold.note()
            if loop.time() >= next_look:
                next_look = loop.time() + LEASE.total_seconds()
                await recovery.run()
        except Exception:
            # A database that is away comes back; this worker has to be there then.
            log.exception("recovery failed and will be tried again")
        await asyncio.sleep(HEARTBEAT.total_seconds())
