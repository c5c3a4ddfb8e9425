"""Commands that work on the configured database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from imagestore import logs
from imagestore.config import data_directory
from imagestore.config.arguments import unparse
from imagestore.config.load import load
from imagestore.config.settings import Settings
from imagestore.database.engine import Database
from imagestore.database.migrations import State
from imagestore.errors import ConfigurationError

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
