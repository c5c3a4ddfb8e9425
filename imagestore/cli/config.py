"""``imagestore config``: look at the configuration without starting anything."""

from __future__ import annotations

from typing import Annotated

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group

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
    typer.echo(f"# Data directory: {settings.data_dir}")
    typer.echo(f"# Database: {redact(settings.database.connection)}")
    section = place = None
    for group, opt in sorted(source.registered, key=lambda place: place[0] != "DEFAULT"):
        is_set = source.is_set(group, opt.dest)
        if not (is_set or every):
            continue
        if group != section:
            typer.echo(f"\n[{group}]")
            section, place = group, None
        if (now := source.where(group, opt.dest) or "the defaults") != place:
            typer.echo(f"# from {now}")
            place = now
        value = source.value(group, opt.dest)
        text = MASK if opt.secret and value else redact(format_value(opt, value))
        typer.echo(f"{opt.dest} = {text}")


@app.command()
def sample() -> None:
    """Print a configuration file with every option, its meaning and its default."""
    from imagestore.config.sample import render

    typer.echo(render(), nl=False)


@app.command()
def check(where: Configuration) -> None:
    """Say what the service would say of the configuration at its start, and start nothing."""
    from imagestore.identity.policy import Policy
    from imagestore.identity.sources import source
    from imagestore.sites import configured
    from imagestore.stores.stores import Stores

    settings = where.load()
    Stores(settings.stores)
    for site in settings.sites:
        configured.check(site)
    source(settings.identity, Policy(settings.identity))
    for warning in settings.warnings:
        typer.echo(f"warning: {warning}")
    typer.echo("The configuration can be used.")
