"""Wiring: from settings to a running service. Every part is built here, once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from imagestore import process
from imagestore.api import application
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.parts import Parts
from imagestore.config.settings import Settings
from imagestore.database.engine import Database
from imagestore.identity.policy import Policy
from imagestore.identity.sources import IdentitySource, source
from imagestore.stores import Stores
from imagestore.workers import recovery
from imagestore.workers.runner import Runner

log = logging.getLogger(__name__)


def create(settings: Settings) -> web.Application:
    """The application, ready to be served; its parts start and stop with it.

    Raises :class:`imagestore.errors.ConfigurationError` for settings that cannot
    be used. Connections are made when the application starts.
    """
    policy = Policy(settings.identity)
    stores = Stores(settings.stores)
    parts = Parts(settings, Database(settings.database), policy, stores, process.identity())
    catalog = Catalog(parts)
    identity = source(settings.identity, policy)
    app = application.build(settings, catalog, stores, identity)
    app.cleanup_ctx.append(lambda _: _running(parts, catalog, identity))
    return app


async def _running(parts: Parts, catalog: Catalog, identity: IdentitySource) -> AsyncIterator[None]:
    """Everything below the API, from its start to its stop."""
    await parts.database.open()
    await parts.stores.start()
    await catalog.imports.open()
    await catalog.recovery.run()
    runner = Runner(catalog.jobs, parts.settings.jobs.workers)
    await catalog.housekeeping.ensure()
    background = [
        asyncio.create_task(recovery.watch(catalog.recovery)),
        asyncio.create_task(runner.run()),
    ]
    yield
    for task in background:
        task.cancel()
    for task in background:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await catalog.imports.close()
    await catalog.downloads.close()
    await identity.close()
    await parts.stores.stop()
    await parts.database.close()
