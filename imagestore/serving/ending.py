"""The word that a worker process is about to end, for responses that have no end of their own."""

import asyncio

from aiohttp import web

ENDING = web.AppKey("ending", asyncio.Event)
"""Set when the process takes no new connections and waits for those that are there."""
