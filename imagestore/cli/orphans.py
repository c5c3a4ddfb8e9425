"""``imagestore orphans``: what lies in stores and belongs to no image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog
    from imagestore.database.orphans import Orphan, Search
    from imagestore.model.job import Job

app = typer.Typer(
    help="Find what lies in stores, or is staged, and belongs to no image.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OfStore = Annotated[str | None, typer.Option("--store", help="Of this store alone.")]


@app.command()
def status(
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Show when each store was last searched, and how much there was never an image's."""
    from imagestore.cli.connected import with_catalog

    async def run(catalog: Catalog) -> list[Search]:
        return list((await catalog.orphans.searches()).values())

    found = with_catalog(run, config_file, config_dir, data_dir)
    _print(
        [{**_document(one), "unknown_percent": round(100 * one.share, 1)} for one in found],
        ("store", "started_at", "finished_at", "objects", "unknown", "unknown_percent"),
        as_json=as_json,
    )


@app.command()
def search(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Have a running node search all stores now. What it finds counts from the second time on."""
    from imagestore.cli.connected import with_catalog

    async def start(catalog: Catalog) -> Job:
        return await catalog.orphans.search()

    job = with_catalog(start, config_file, config_dir, data_dir)
    typer.echo(f"Job {job.id} is {job.state}: imagestore job show {job.id}")


@app.command("list")
def list_orphans(
    store: OfStore = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was not seen for long enough.")
    ] = False,
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """List orphans. The exit code is 1 if there is one."""
    from imagestore.cli.connected import with_catalog

    async def run(catalog: Catalog) -> list[tuple[Orphan, bool]]:
        grace = catalog.orphans.grace
        found = [(one, one.is_ripe(grace)) async for one in catalog.orphans.list(store)]
        return [(one, ripe) for one, ripe in found if ripe or everything]

    found = with_catalog(run, config_file, config_dir, data_dir)
    _print(
        [{**_document(one), "state": "orphan" if ripe else "seen"} for one, ripe in found],
        (
            "store",
            "image_id",
            "project",
            "state",
            "origin",
            "ours",
            "pieces",
            "bytes",
            "first_seen",
        ),
        as_json=as_json,
    )
    if any(ripe for _, ripe in found):
        raise typer.Exit(1)


@app.command()
def delete(
    image: Annotated[
        str | None, typer.Argument(metavar="[IMAGE]", help="What is named for this id alone.")
    ] = None,
    store: OfStore = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also where more than orphan_max_unknown percent were never an image's of this "
            "database. If the store is another service's too, its images are lost.",
        ),
    ] = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Remove orphans from their stores, for good. The exit code is 1 if one had to stay."""
    from imagestore.cli.connected import with_catalog

    async def run(catalog: Catalog) -> bool:
        stays = False
        async for outcome in catalog.orphans.delete(store, image, force=force):
            one = outcome.orphan
            if outcome.reason:
                stays = True
                typer.echo(f"{one.store} {one.image_id} stays: {outcome.reason}", err=True)
            else:
                typer.echo(f"{one.store} {one.image_id} removed")
        return stays

    if with_catalog(run, config_file, config_dir, data_dir, stores=True):
        raise typer.Exit(1)


def _document(one: Orphan | Search) -> dict[str, Any]:
    import dataclasses
    from datetime import datetime

    return {
        name: value.isoformat() + "Z" if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(one).items()
    }


def _print(documents: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    import json

    from rich.console import Console
    from rich.table import Table

    if as_json:
        typer.echo(json.dumps(documents, indent=2))
        return
    table = Table(*(column.replace("_", " ") for column in columns))
    for row in documents:
        table.add_row(*(str(row[column]) for column in columns))
    Console().print(table)
