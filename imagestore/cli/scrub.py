"""``imagestore scrub``: deleted images whose bytes are still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog
    from imagestore.catalog.integrity.scrubber import Scrubbed

app = typer.Typer(
    help="Look at deleted images whose data is still there, and remove it.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_pending(
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """List deletions that are not done: delayed, under way, or hindered by a store."""
    import json

    from rich.console import Console
    from rich.table import Table

    from imagestore.cli.connected import with_catalog
    from imagestore.model.clock import now

    async def run(catalog: Catalog) -> list[dict[str, Any]]:
        moment = now()
        rows = [
            {
                "image": one.id,
                "name": one.name,
                "project": one.owner,
                "size": one.size,
                "state": "due" if due <= moment else "kept",
                "since": f"{one.deleted_at.isoformat()}Z",
                "due": f"{due.isoformat()}Z",
                "store": None,
            }
            for one, due in await catalog.scrubber.pending()
        ]
        return rows + [
            {
                "image": entry.image_id,
                "name": None,
                "project": None,
                "size": None,
                "state": f"unfinished {entry.kind}",
                "since": f"{entry.started_at.isoformat()}Z",
                "due": None,
                "store": entry.store or None,
            }
            for entry in await catalog.scrubber.unfinished()
        ]

    found = with_catalog(run, config_file, config_dir, data_dir)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("image", "name", "project", "size", "state", "since", "due", "store")
    for row in found:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)


@app.command()
def run(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Remove the data of all deleted images whose scrub_time is over, now.

    The service does so by itself every wakeup_time with delayed_delete. The exit code is 1
    if a store hindered it.
    """
    from imagestore.cli.connected import with_catalog

    async def scrub(catalog: Catalog) -> Scrubbed:
        return await catalog.scrubber.scrub()

    done = with_catalog(scrub, config_file, config_dir, data_dir, stores=True)
    for image_id in done.removed:
        typer.echo(f"{image_id} removed")
    for image_id, reason in done.failed:
        typer.echo(f"{image_id} has to wait: {reason}", err=True)
    if done.failed:
        raise typer.Exit(1)
