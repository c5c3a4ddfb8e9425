"""A background task that has to be there as long as the process is."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

LONGEST_PAUSE = 30.0
"""Seconds before a task that fails again and again is started anew, at the most."""


async def forever(name: str, function: Callable[[], Awaitable[None]]) -> None:
    """Run ``function`` again whenever it fails or ends, with growing pauses; until cancelled."""
    loop = asyncio.get_running_loop()
    pause = 0.1
    while True:
        started = loop.time()
        try:
            await function()
            log.error("the background task '%s' has ended and is started anew", name)
        except Exception:
            log.exception("the background task '%s' has failed and is started anew", name)
        if loop.time() - started > LONGEST_PAUSE:
            pause = 0.1
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (no secret)
        pause = min(2 * pause, LONGEST_PAUSE)
