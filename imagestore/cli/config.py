"""``imagestore config``: look at the configuration without starting anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import as_json, print_json, say, tell
from imagestore.model.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from imagestore.config.settings import Settings

app = Group()


@app.command()
def show(
    where: Configuration,
    every: Annotated[
        bool, typer.Option("--all", help="Also show options that have their default value.")
    ] = False,
) -> None:
    """Print the options in force and where each is set. Secrets are masked."""
    from imagestore.config.load import read
    from imagestore.config.sample import format_value
    from imagestore.observing.logs import MASK, redact

    settings, source = read(where.arguments())
    database = redact(settings.database.connection)
    tell(f"# Data directory: {settings.data_dir}\n# Database: {database}")
    section = place = None
    options = []
    for group, opt in sorted(source.registered, key=lambda place: place[0] != "DEFAULT"):
        is_set = source.is_set(group, opt.dest)
        if not (is_set or every):
            continue
        if group != section:
            tell(f"\n[{group}]")
            section, place = group, None
        if (now := source.where(group, opt.dest) or "the defaults") != place:
            tell(f"# from {now}")
            place = now
        value = source.value(group, opt.dest)
        text = MASK if opt.secret and value else redact(format_value(opt, value))
        tell(f"{opt.dest} = {text}")
        options.append({"section": group, "name": opt.dest, "value": text, "from": now})
    say("", data_dir=str(settings.data_dir), database=database, options=options)


@app.command()
def sample() -> None:
    """Print a configuration file with every option, its meaning and its default."""
    from imagestore.config.sample import described, render

    if as_json.get():
        print_json(list(described()))
    else:
        typer.echo(render(), nl=False)


@app.command()
def check(
    where: Configuration,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect", help="Also try Keystone and the stores, and insist on the database."
        ),
    ] = False,
) -> None:
    """Say all that the service would say of the configuration at its start, and start nothing.

    The database is asked whether it takes the user and has the tables; that it does not answer now
    is a warning. Exit code 78 if the service would not start, 69 if somebody does not answer whom
    it needs.
    """
    import asyncio

    from imagestore.app import faults, warnings_aside

    settings = where.load()
    warnings = [*settings.warnings]
    with warnings_aside(warnings):
        wrong = list(faults(settings))
        # Whoever is wrongly described has been told of, and cannot be asked.
        away = [] if wrong else asyncio.run(_ask(settings, wrong, everybody=connect))
    if not connect:
        warnings += away
    warnings = list(dict.fromkeys(warnings))
    for warning in warnings:
        tell(f"warning: {warning}")
    hindered = [*wrong, *(away if connect else ())]
    say("" if hindered else "The configuration can be used.", errors=hindered, warnings=warnings)
    if wrong:
        raise ConfigurationError(*hindered)
    if hindered:
        raise Unavailable("\n".join(hindered))


async def _ask(settings: Settings, wrong: list[str], *, everybody: bool) -> list[str]:
    """Who does not answer; what they refuse becomes ``wrong``."""
    from imagestore.database.engine import Database
    from imagestore.identity.keystone.credentials import Credentials
    from imagestore.stores.stores import Stores

    async def database() -> None:
        if settings.database.connection.startswith("sqlite:///") and not _is_there(settings):
            return  # it is made at the start
        upgrades = settings.database.auto_upgrade
        asked = Database(replace(settings.database, max_retries=0))
        await asked.connect()
        try:
            state = await asked.check()
        finally:
            await asked.close()
        if not state.serves(upgrades=upgrades):
            raise ConfigurationError(f"[database] connection: {state.advice}")

    async def keystone() -> None:
        if settings.identity.flavor == "keystone":
            credentials = Credentials(settings.identity.keystone)
            try:
                await credentials.get()
            except Unavailable as error:
                raise Unavailable(f"[keystone_authtoken] {error.message}") from error
            finally:
                await credentials.close()

    async def stores() -> None:
        configured = Stores(settings.stores)
        try:
            await configured.start()
        finally:
            await configured.stop()

    away = []
    for part in (database, keystone, stores) if everybody else (database,):
        try:
            await part()
        except ConfigurationError as error:
            wrong += error.faults
        except Unavailable as error:
            away.append(error.message)
    return away


def _is_there(settings: Settings) -> bool:
    return Path(settings.database.connection.removeprefix("sqlite:///")).exists()
