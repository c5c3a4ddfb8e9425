"""Where the configuration is, as options of commands, and what is built of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from imagestore.model.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Column

    from imagestore.catalog.catalog import Catalog
    from imagestore.catalog.jobs import Jobs
    from imagestore.config.settings import Settings
    from imagestore.database.engine import Database
    from imagestore.model.job import Job

T = TypeVar("T")

_PANEL = "Configuration"
_UNATTENDED = timedelta(minutes=2)
"""After which a job that is due would have been begun, if there were anybody."""


@dataclass(frozen=True)
class Configuration:
    """The options that nearly all commands have."""

    config_file: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Read this file, in the format of glance-api.conf. May be repeated; the later "
            "wins.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None
    config_dir: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Read all *.conf files of this directory, after the files.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the database and the images here, unless they have a place of their own.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None

    def arguments(self) -> list[str]:
        """As worker processes are given them."""
        from imagestore.config.arguments import unparse

        overrides = {**vars(self)}
        files, directories = overrides.pop("config_file"), overrides.pop("config_dir")
        return unparse(files or (), directories or (), **overrides)

    def load(self) -> Settings:
        """Raises :class:`ConfigurationError`."""
        from imagestore.config.load import load

        return load(self.arguments())

    def with_database(
        self,
        function: Callable[[Database, Settings], Awaitable[T]],
        *,
        tables: bool = False,
        ready: bool = False,
    ) -> T:
        """What ``function`` makes of the connected database, whatever state its tables are in.

        ``tables``: they have to be what this release needs, else :class:`ConfigurationError`.
        ``ready``: they are made so first, where that is done at a start.
        """
        import asyncio

        from imagestore.config import data_directory
        from imagestore.database.engine import Database
        from imagestore.observing import logs

        settings = self.load()
        logs.setup(settings.logging)
        data_directory.make(settings)

        async def run() -> T:
            database = Database(settings.database)
            await (database.open() if ready else database.connect())
            try:
                state = await database.check() if tables else None
                if state and not state.serves(upgrades=False):
                    raise ConfigurationError(f"[database] connection: {state.advice}")
                return await function(database, settings)
            finally:
                await database.close()

        return asyncio.run(run())

    def with_catalog(
        self, function: Callable[[Catalog], Awaitable[T]], *, stores: bool = False
    ) -> T:
        """What ``function`` makes of the operations; ``stores``: it needs them to be started."""
        # Here, as commands that only look at the database start in half the time without them.
        from imagestore.catalog.catalog import Catalog
        from imagestore.catalog.dependencies import assemble
        from imagestore.stores.stores import Stores

        async def run(database: Database, settings: Settings) -> T:
            configured = Stores(settings.stores)
            catalog = Catalog(assemble(settings, database, stores=configured))
            if not stores:
                return await function(catalog)
            await configured.start()
            try:
                return await function(catalog)
            finally:
                await configured.stop()

        return self.with_database(run, tables=True)

    def images(self, beginnings: Iterable[str], column: Column[str] | None = None) -> list[str]:
        """The whole ids of images, also of deleted ones; what is none's beginning as it is.

        ``column``: in which they are looked for instead.
        """
        from imagestore.database import ids, schema

        among = schema.images.c.id if column is None else column

        async def run(database: Database, _: Settings) -> list[str]:
            return [await database.read(ids.whole, among, each) for each in beginnings]

        return self.with_database(run, tables=True)

    def queue(self, begin: Callable[[Catalog], Awaitable[Job]]) -> None:
        """Have a job queued, and say what becomes of it: also that nobody works on any."""
        from imagestore.cli.output import document, say

        async def run(catalog: Catalog) -> Job:
            job = await begin(catalog)
            await warn_if_unattended(catalog.jobs)
            return job

        job = self.with_catalog(run)
        say(f"Job {job.id} is {job.state}: imagestore job show {job.id[:8]}", **document(job))


async def warn_if_unattended(jobs: Jobs) -> None:
    """Say that what is queued may wait, where other jobs do."""
    if (waits := await jobs.longest_wait()) > _UNATTENDED:
        told = f"Other jobs wait for {waits.total_seconds() / 60:,.0f} minutes"
        typer.echo(f"{told}: does any node run, with job_workers?", err=True)


@dataclass(frozen=True)
class Serving(Configuration):
    """What the parent process is told, and tells each of its workers."""

    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Listen here. Default: 127.0.0.1, or \\[DEFAULT] bind_host.",
            rich_help_panel="Listening",
            show_default=False,
        ),
    ] = None
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Listen on this port; 0 for any that is free. "
            "Default: 9292, or \\[DEFAULT] bind_port.",
            rich_help_panel="Listening",
            show_default=False,
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Processes that share the port; 0 for one per processor. "
            "Default: 1, or \\[DEFAULT] workers.",
            rich_help_panel="Listening",
            show_default=False,
        ),
    ] = None
    debug: Annotated[bool, typer.Option("--debug", help="Log in detail.")] = False
