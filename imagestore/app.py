"""Wiring: from settings to a running service. Every part is built here, once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import metadata
from pathlib import Path

from aiohttp import web

from imagestore.api import application
from imagestore.api.registry import application as registry
from imagestore.api.v2.images import schema_key
from imagestore.api.v2.schemas import ImageSchema
from imagestore.backends import private
from imagestore.backends.base import Later
from imagestore.backends.errors import StoreError
from imagestore.cache.cache import Cache
from imagestore.catalog.catalog import Catalog
from imagestore.catalog.dependencies import Dependencies, assemble
from imagestore.catalog.quotas import LimitSource
from imagestore.config import drivers
from imagestore.config.settings import Settings, StoreSection
from imagestore.database import urls
from imagestore.database.characters import require_four_bytes
from imagestore.database.engine import Database
from imagestore.identity.policy import Policy
from imagestore.identity.protections import Protections
from imagestore.identity.sources import IdentitySource, registry_source, source
from imagestore.model.errors import ConfigurationError
from imagestore.observing import metrics, tracing
from imagestore.observing.notifier import Notifier
from imagestore.serving.ending import REGISTRY
from imagestore.serving.server import tls
from imagestore.sites.configured import check as check_site
from imagestore.stores.stack import build
from imagestore.stores.stores import Stores
from imagestore.supervisor.listeners import check_address, check_registry
from imagestore.transfer.verification import verify
from imagestore.workers import cache as cache_worker
from imagestore.workers import process, recovery
from imagestore.workers.runner import JobRunner
from imagestore.workers.sites.sites import Sites

log = logging.getLogger(__name__)

_DISK_PATIENCE = 5.0
"""Seconds that the file systems of all directories are given to be looked at."""


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
    identity = source(settings.identity, policy)
    app = application.build(settings, catalog, stores, identity)
    sites = Sites(catalog, settings, app[schema_key])
    app[REGISTRY] = registry.build(
        app, registry_source(settings.identity, policy, settings.server.registry_secret)
    )
    app[metrics.refresh] = catalog.figures.refresh
    app.cleanup_ctx.append(lambda _: _running(deps, catalog, identity, sites, limits))
    return app


def preload(settings: Settings) -> None:
    """Import what the application needs beyond this module, where it is configured.

    Processes that are forked afterwards share it. No thread is left running, nobody connected to.
    Raises :class:`imagestore.model.errors.ConfigurationError` with a line for all that is wrong.
    """
    with warnings_aside([]):  # each worker tells them
        if found := list(faults(settings)):
            raise ConfigurationError(*found)


def faults(settings: Settings) -> Iterator[str]:
    """Why the service would not start, a sentence for each reason that shows without connecting to
    anybody: what is not installed, not there, not to be read or written, or contradicts itself."""
    policy: list[Policy] = []
    parts: list[Callable[[], object]] = [
        *(
            partial(_load_driver, each)
            for each in (*settings.stores.sections, *settings.stores.reserved)
        ),
        lambda: _require_directories(settings),
        lambda: Stores(settings.stores),
        # These import their libraries when they are made, and connect nobody.
        lambda: Database(settings.database),
        lambda: Notifier(settings.notifications),
        lambda: tracing.preload(settings.tracing),
        lambda: tls(settings.server),
        lambda: check_address(settings.server, settings.identity),
        lambda: check_registry(settings.server),
        lambda: _limits(settings),
        lambda: ImageSchema(settings.images),
        lambda: policy.append(Policy(settings.identity)),
        lambda: source(settings.identity, *policy) if policy else None,
        lambda: _protections(settings, *policy) if policy else None,
        *(partial(check_site, site) for site in settings.sites),
    ]
    told: set[str] = set()
    for part in parts:
        try:
            part()
        except ConfigurationError as error:
            # One may come twice, of two that need the same part.
            yield from [fault for fault in error.faults if fault not in told]
            told.update(error.faults)


@contextlib.contextmanager
def warnings_aside(into: list[str]) -> Iterator[None]:
    """What the service would warn of meanwhile goes ``into`` a list instead of the log."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            into.append(record.getMessage())

    logger, collector = logging.getLogger("imagestore"), Collector(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


def _load_driver(section: StoreSection) -> None:
    driver = drivers.get(section.type)
    try:
        if isinstance(driver.create, Later):
            driver.create.load()
        if driver.preload is not None:
            driver.preload()
    except ImportError as error:
        extras = metadata("imagestore").get_all("Provides-Extra") or ()
        how = f"; pip install 'imagestore[{section.type}]'" if section.type in extras else ""
        raise ConfigurationError(
            f"[{section.name}] stores of type {section.type} need more than is installed: "
            f"{error}{how}"
        ) from error
    except StoreError as error:
        raise ConfigurationError(f"[{section.name}] {error.message}") from error


def _require_directories(settings: Settings) -> None:
    found: list[str] = []

    def look() -> None:
        found.extend(
            f"{option}: {reason}"
            for option, path, is_made in _directories(settings)
            if (reason := private.obstacle(path, is_made=is_made))
        )

    # A file system that hangs shall not hold up the start: its store is found to be away.
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_DISK_PATIENCE)
    if found:
        raise ConfigurationError(*found)


def _directories(settings: Settings) -> Iterator[tuple[str, Path, bool]]:
    """Where files have to be made: the option that says so, the directory, and whether it is made
    where it is missing."""
    url = urls.parse(settings.database.connection)
    if urls.is_embedded(url):
        directory = Path(url.database or "").absolute().parent
        yield "[database] connection", directory, directory == settings.data_dir
    if settings.cache.directory is not None:
        yield "[DEFAULT] image_cache_dir", settings.cache.directory, True
    if settings.logging.log_file is not None:
        yield "[DEFAULT] log_file", settings.logging.log_file.absolute().parent, False
    for section in (*settings.stores.sections, *settings.stores.reserved):
        with contextlib.suppress(ConfigurationError, StoreError):  # of which others tell
            for place in sorted(build(section).driver.places()):
                if place.startswith("file://"):
                    yield f"[{section.name}]", Path(place.removeprefix("file://")), True


def _protections(settings: Settings, policy: Policy) -> Protections:
    images = settings.images
    return Protections(
        images.property_protection_file, images.property_protection_rule_format, policy
    )


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
    """Everything below the API, from its start to its stop; also of a start that fails."""
    async with contextlib.AsyncExitStack() as stack:
        at_end = stack.push_async_callback
        at_end(asyncio.to_thread, tracing.stop)
        at_end(deps.database.close)
        await deps.database.open()
        if deps.settings.images.four_byte_characters:
            await deps.database.read(require_four_bytes)
        at_end(asyncio.to_thread, deps.notifier.stop)
        at_end(deps.stores.stop)
        await deps.stores.start()
        deps.notifier.start()
        if limits is not None:
            at_end(limits.close)
        at_end(identity.close)
        at_end(catalog.downloads.close)
        at_end(catalog.figures.close)
        await catalog.imports.open()
        at_end(catalog.imports.close)
        await catalog.hold.notice()
        at_end(catalog.hold.note)
        await catalog.recovery.run()
        if deps.cache is not None:
            stack.callback(catalog.cache.close)
            at_end(deps.cache.stop)
            await deps.cache.start()
        runner = JobRunner(catalog.jobs, deps.settings.jobs.workers)
        await catalog.housekeeping.ensure()
        await catalog.replication.ensure()
        await sites.ensure()
        await catalog.scrubber.ensure()
        await catalog.patrol.ensure()
        await catalog.orphans.ensure()
        background = [
            recovery.watch(catalog.recovery, catalog.hold),
            runner.run(),
            process.watch(deps.database),
        ]
        if deps.cache is not None:
            background.append(cache_worker.watch(catalog.cache))
        at_end(_end, [asyncio.create_task(each) for each in background])
        yield


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
