"""Wiring: from settings to a running service. Every part is built here, once."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from imagestore.api import application
from imagestore.api.registry import application as registry
from imagestore.api.v2.schemas import ImageSchema
from imagestore.backends.base import Later
from imagestore.cache.cache import Cache
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.dependencies import Dependencies, assemble
from imagestore.catalog.quotas import LimitSource
from imagestore.config import drivers
from imagestore.config.settings import Settings
from imagestore.database.characters import require_four_bytes
from imagestore.database.engine import Database
from imagestore.identity.policy import Policy
from imagestore.identity.sources import IdentitySource, registry_source, source
from imagestore.observing import metrics, tracing
from imagestore.observing.notifier import Notifier
from imagestore.serving.ending import REGISTRY
from imagestore.stores.stores import Stores
from imagestore.transfer.verification import verify
from imagestore.workers import cache as cache_worker
from imagestore.workers import process, recovery
from imagestore.workers.runner import JobRunner
from imagestore.workers.sites.sites import Sites

log = logging.getLogger(__name__)


def create(settings: Settings) -> web.Application:
    """The application, ready to be served; its parts start and stop with it.

    Raises :class:`imagestore.model.errors.ConfigurationError` for settings that cannot
    be used. Connections are made when the application starts.
    """
    # First: the others are built with or without what makes spans.
    tracer = tracing.active() or tracing.start(settings.tracing)
    policy, stores = Policy(settings.identity), Stores(settings.stores)
    limits = _limits(settings)
    cache = Cache(settings.cache, verify) if settings.cache.directory else None
    deps = assemble(
        settings,
        Database(settings.database, metrics.count_transaction),
        policy=policy,
        stores=stores,
        cache=cache,
        limits=limits,
        notifier=Notifier(settings.notifications),
    )
    catalog = Catalog(deps)
    if tracer is not None:
        tracer.operations(catalog)
    sites = Sites(catalog, settings, ImageSchema(settings.images))
    identity = source(settings.identity, policy)
    app = application.build(settings, catalog, stores, identity)
    app[REGISTRY] = registry.build(
        app, registry_source(settings.identity, policy, settings.server.registry_secret)
    )
    app[metrics.refresh] = catalog.figures.refresh
    app.cleanup_ctx.append(lambda _: _running(deps, catalog, identity, sites, limits))
    return app


def preload(settings: Settings) -> None:
    """Import what the application needs beyond this module, where it is configured.

    Processes that are forked afterwards share it. No thread is started, nobody connected to.
    Raises :class:`imagestore.model.errors.ConfigurationError` for what is not installed.
    """
    for section in (*settings.stores.sections, *settings.stores.reserved):
        driver = drivers.get(section.type)
        with contextlib.suppress(ImportError):  # what is missing is told when the store starts
            if isinstance(driver.create, Later):
                driver.create.load()
            if driver.preload is not None:
                driver.preload()
    # These import their libraries when they are made, and connect nobody.
    Database(settings.database)
    Notifier(settings.notifications)
    tracing.preload(settings.tracing)
    if settings.identity.flavor == "keystone":
        importlib.import_module("imagestore.identity.keystone.source")


def _limits(settings: Settings) -> LimitSource | None:
    if not settings.limits.use_keystone_limits:
        return None
    # Only here: a service without Keystone does without the library.
    from imagestore.identity.keystone.limits import KeystoneLimits

    return KeystoneLimits(settings.identity.keystone_limits)


async def _running(
    deps: Dependencies,
    catalog: Catalog,
    identity: IdentitySource,
    sites: Sites,
    limits: LimitSource | None,
) -> AsyncIterator[None]:
    """Everything below the API, from its start to its stop."""
    await deps.database.open()
    if deps.settings.images.four_byte_characters:
        await deps.database.read(require_four_bytes)
    await deps.stores.start()
    deps.notifier.start()
    await catalog.imports.open()
    await catalog.recovery.run()
    if deps.cache is not None:
        await deps.cache.start()
    runner = JobRunner(catalog.jobs, deps.settings.jobs.workers)
    await catalog.housekeeping.ensure()
    await catalog.replication.ensure()
    await sites.ensure()
    await catalog.scrubber.ensure()
    await catalog.patrol.ensure()
    await catalog.orphans.ensure()
    background = [
        asyncio.create_task(recovery.watch(catalog.recovery)),
        asyncio.create_task(runner.run()),
        asyncio.create_task(process.watch(deps.database)),
    ]
    if deps.cache is not None:
        background.append(asyncio.create_task(cache_worker.watch(catalog.cache)))
    yield
    for task in background:
        task.cancel()
    for task in background:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    if deps.cache is not None:
        await deps.cache.stop()
        catalog.cache.close()
    await catalog.figures.close()
    await catalog.imports.close()
    await catalog.downloads.close()
    await identity.close()
    if limits is not None:
        await limits.close()
    await deps.stores.stop()
    await asyncio.to_thread(deps.notifier.stop)
    await deps.database.close()
    await asyncio.to_thread(tracing.stop)
