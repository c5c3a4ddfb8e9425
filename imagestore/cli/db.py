"""``imagestore db``: the tables of the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.database.engine import Database
    from imagestore.database.migrations import State

T = TypeVar("T")

app = typer.Typer(
    help="Create, upgrade and check the tables (SQLite does without: that is done at the start).",
    no_args_is_help=True,
)


@app.command()
def upgrade(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Create the tables, or bring them to what this version needs. May be repeated."""

    async def run(database: Database) -> str | None:
        await database.upgrade()
        return await database.version()

    revision = with_database(run, config_file, config_dir, data_dir)
    typer.echo(f"The tables are at {revision}.")


@app.command()
def check(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Say whether the tables are what this version needs. Exit code 0 if so, else 3."""
    from imagestore.database.migrations import State

    async def run(database: Database) -> State:
        return await database.check()

    state = with_database(run, config_file, config_dir, data_dir)
    if state is not State.OK:
        typer.echo(state.advice)
        raise typer.Exit(3)
    typer.echo("The tables are up to date.")


@app.command()
def version(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Print the revision that the tables stand at; none if there are none of ours."""

    async def run(database: Database) -> str | None:
        return await database.version()

    typer.echo(with_database(run, config_file, config_dir, data_dir) or "none")


def with_database(
    function: Callable[[Database], Awaitable[T]],
    config_file: ConfigFiles,
    config_dir: ConfigDirs,
    data_dir: DataDir,
    *,
    ready: bool = False,
) -> T:
    """What ``function`` makes of the connected database.

    ``ready``: its tables have to be what this release needs; those of SQLite are made so.
    """
    import asyncio

    from imagestore import logs
    from imagestore.config import data_directory
    from imagestore.config.arguments import unparse
    from imagestore.config.load import load
    from imagestore.database.engine import Database

    settings = load(unparse(config_file or (), config_dir or (), data_dir=data_dir))
    logs.setup(settings.logging)
    data_directory.make(settings)

    async def run() -> T:
        database = Database(settings.database)
        await (database.open() if ready else database.connect())
        try:
            return await function(database)
        finally:
            await database.close()

    return asyncio.run(run())
