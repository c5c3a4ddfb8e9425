"""What an application and the process that serves it tell each other."""

import asyncio

from aiohttp import web

ENDING = web.AppKey("ending", asyncio.Event)
"""Set when the process takes no new connections and waits for those that are there: the word for
responses that have no end of their own."""

REGISTRY = web.AppKey("registry", web.Application)
"""Served beside the application on ``registry_bind``; it lives on the same parts."""
