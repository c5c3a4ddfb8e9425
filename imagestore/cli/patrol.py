"""``imagestore patrol``: stored bytes that are read again and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog
    from imagestore.database.damages import Damage, Progress
    from imagestore.model.job import Job

app = typer.Typer(
    help="See whether what is stored is what was uploaded, and what is damaged.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def status(
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Show how far the pass of all nodes is, or how the last one ended."""
    from imagestore.cli.connected import with_catalog

    async def run(catalog: Catalog) -> Progress | None:
        return await catalog.patrol.progress()

    found = with_catalog(run, config_file, config_dir, data_dir)
    if found is None:
        typer.echo("null" if as_json else "The patrol has never run.")
        return
    _print([found], as_json=as_json, one=True)


@app.command()
def run(
    image: Annotated[
        str | None, typer.Argument(metavar="[IMAGE]", help="Check this image alone.")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES",
            help="Read so much a second, also with a unit (20MB); 0: no limit. "
            "Default: patrol_rate.",
            show_default=False,
        ),
    ] = None,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Have a running node begin a pass now, or go on with the one that was interrupted."""
    from imagestore.cli.connected import with_catalog
    from imagestore.config.value_types import Size

    try:
        number = None if rate is None else Size()(rate)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

    async def start(catalog: Catalog) -> Job:
        return await catalog.patrol.start(rate=number, image_id=image)

    job = with_catalog(start, config_file, config_dir, data_dir)
    typer.echo(f"Job {job.id} is {job.state}: imagestore job show {job.id}")


@app.command("list")
def list_damages(
    settled: Annotated[
        bool, typer.Option("--all", help="Also copies that are repaired or gone.")
    ] = False,
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """List damaged copies. The exit code is 1 if there is one that is not repaired."""
    from imagestore.cli.connected import with_catalog
    from imagestore.database.damages import OPEN

    async def run(catalog: Catalog) -> list[Damage]:
        return await catalog.patrol.damages(settled=settled)

    found = with_catalog(run, config_file, config_dir, data_dir)
    _print(found, as_json=as_json)
    if any(one.state in OPEN for one in found):
        raise typer.Exit(1)


def _print(found: list[Any], *, as_json: bool, one: bool = False) -> None:
    import dataclasses
    import json
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

    documents = [
        {
            name: value.isoformat() + "Z" if isinstance(value, datetime) else value
            for name, value in dataclasses.asdict(each).items()
        }
        for each in found
    ]
    if as_json:
        typer.echo(json.dumps(documents[0] if one else documents, indent=2))
        return
    if one:
        table = Table("field", "value")
        for name, value in documents[0].items():
            table.add_row(name, "" if value is None else str(value))
    else:
        table = Table("image", "store", "state", "reason", "found", "last seen")
        for row in documents:
            names = ("image_id", "store", "state", "reason", "found_at", "updated_at")
            table.add_row(*(str(row[name]) for name in names))
    Console().print(table)
