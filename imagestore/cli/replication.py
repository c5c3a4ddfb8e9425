"""``imagestore replication``: what the rules ask for, what is missing, and doing it now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog

T = TypeVar("T")

app = typer.Typer(
    help="Look at the rules by which images are copied between stores.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def status(
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Tell of each rule for how many images it is, and how many copies are missing."""
    import dataclasses

    from rich.console import Console
    from rich.table import Table

    async def run(catalog: Catalog) -> tuple[Any, Any]:
        return await catalog.replication.look(), await catalog.jobs.counts()

    findings, counts = _with_catalog(run, config_file, config_dir, data_dir)
    copies = {state.value: number for (kind, state), number in counts.items() if kind == "copy"}
    rules = {name: dataclasses.asdict(count) for name, count in findings.counts.items()}
    if as_json:
        _print_json({"rules": rules, "jobs": copies})
        return
    table = Table("rule", "images", "copies asked for", "missing", "images below min_copies")
    for name, count in rules.items():
        table.add_row(name, *(str(count[key]) for key in ("images", "wanted", "missing", "short")))
    Console().print(table)
    states = ", ".join(f"{number} {state}" for state, number in sorted(copies.items()))
    typer.echo(f"Copies as jobs: {states or 'none'}.")


@app.command()
def plan(
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """List what a pass would do now: copies to make and to remove, digests to fill in."""
    import dataclasses

    from rich.console import Console
    from rich.table import Table

    findings = _with_catalog(
        lambda catalog: catalog.replication.look(), config_file, config_dir, data_dir
    )
    if as_json:
        _print_json([dataclasses.asdict(step) for step in findings.steps])
        return
    table = Table("action", "image", "store", "rule")
    for step in findings.steps:
        table.add_row(step.action, step.image_id, step.store, step.rule or "")
    Console().print(table)


@app.command()
def run(
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Have the nodes begin a pass over all images now."""
    import dataclasses
    from datetime import datetime

    job = _with_catalog(
        lambda catalog: catalog.replication.run_now(), config_file, config_dir, data_dir
    )
    if not as_json:
        typer.echo(f"Job {job.id} is {job.state}.")
        return
    values = dataclasses.asdict(job).items()
    _print_json({k: v.isoformat() + "Z" if isinstance(v, datetime) else v for k, v in values})


def _print_json(document: Any) -> None:
    import json

    typer.echo(json.dumps(document, indent=2))


def _with_catalog(
    function: Callable[[Catalog], Awaitable[T]],
    config_file: ConfigFiles,
    config_dir: ConfigDirs,
    data_dir: DataDir,
) -> T:
    """What ``function`` makes of the catalog over the configured database; no store is started."""
    from imagestore.cli.connected import with_catalog

    return with_catalog(function, config_file, config_dir, data_dir)
