"""Commands that work on the configured database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imagestore.config import data_directory
from imagestore.config.arguments import unparse
from imagestore.config.load import load
from imagestore.config.settings import Settings
from imagestore.database.engine import Database
from imagestore.database.migrations import State
from imagestore.model.errors import ConfigurationError
from imagestore.observing import logs

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog

T = TypeVar("T")


def with_database(
    function: Callable[[Database, Settings], Awaitable[T]],
    config_file: Sequence[Path] | None,
    config_dir: Sequence[Path] | None,
    data_dir: Path | None,
    *,
    tables: bool = False,
    ready: bool = False,
) -> T:
    """What ``function`` makes of the connected database, whatever state its tables are in.

    ``tables``: they have to be what this release needs, else :class:`ConfigurationError`.
    ``ready``: they are made so first, where that is done at a start.
    """
    settings = load(unparse(config_file or (), config_dir or (), data_dir=data_dir))
    logs.setup(settings.logging)
    data_directory.make(settings)

    async def run() -> T:
        database = Database(settings.database)
        await (database.open() if ready else database.connect())
        try:
            if tables and (state := await database.check()) is not State.OK:
                raise ConfigurationError(f"[database] connection: {state.advice}")
            return await function(database, settings)
        finally:
            await database.close()

    return asyncio.run(run())


def with_catalog(
    function: Callable[[Catalog], Awaitable[T]],
    config_file: Sequence[Path] | None,
    config_dir: Sequence[Path] | None,
    data_dir: Path | None,
    *,
    stores: bool = False,
) -> T:
    """What ``function`` makes of the operations; ``stores``: it needs them to be started."""
    # Here, as commands that only look at the database start in half the time without them.
    from imagestore.catalog.catalog import Catalog
    from imagestore.catalog.dependencies import assemble
    from imagestore.stores.stores import Stores

    async def run(database: Database, settings: Settings) -> T:
        configured = Stores(settings.stores)
        parts = assemble(settings, database, stores=configured)
        if not stores:
            return await function(Catalog(parts))
        await configured.start()
        try:
            return await function(Catalog(parts))
        finally:
            await configured.stop()

    return with_database(run, config_file, config_dir, data_dir, tables=True)
