"""``imagestore job``: background work, as all nodes that share the database do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.catalog.jobs import Jobs
    from imagestore.model.job import Job

T = TypeVar("T")

app = typer.Typer(
    help="Look at background work: what waits, runs, has failed; cancel it, try it again.",
    no_args_is_help=True,
)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The id of the job.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class State(StrEnum):
    """The states that can be asked for; those of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@app.command("list")
def list_jobs(
    state: Annotated[
        list[State] | None,
        typer.Option(help="Only jobs in this state. May be repeated.", show_default=False),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only jobs of this kind.")] = None,
    image: Annotated[str | None, typer.Option(help="Only jobs on the image of this id.")] = None,
    project: Annotated[str | None, typer.Option(help="Only jobs for this project.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most that are listed.")] = 100,
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """List jobs, the newest first."""
    from rich.console import Console
    from rich.table import Table

    from imagestore.model.job import JobState

    async def run(jobs: Jobs) -> list[Job]:
        states = [JobState(one.value) for one in state or ()]
        return await jobs.list(
            states=states, kind=kind, image_id=image, project=project, limit=limit
        )

    found = _with_jobs(run, config_file, config_dir, data_dir)
    if as_json:
        _print_json([_document(job) for job in found])
        return
    table = Table("id", "kind", "image", "target", "state", "attempts", "progress", "message")
    for job in found:
        table.add_row(
            job.id,
            job.kind,
            job.image_id or "",
            job.target,
            _state(job),
            str(job.attempts),
            _progress(job),
            job.message or "",
        )
    Console().print(table)


@app.command()
def show(
    job: JobId,
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Show everything about one job."""
    found = _with_jobs(lambda jobs: jobs.show(job), config_file, config_dir, data_dir)
    _print_one(found, as_json=as_json)


@app.command()
def cancel(
    job: JobId,
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Have a job end that waits or runs. The nodes notice within seconds."""
    found = _with_jobs(lambda jobs: jobs.cancel(job), config_file, config_dir, data_dir)
    _print_one(found, as_json=as_json)


@app.command()
def retry(
    job: JobId,
    as_json: AsJson = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Queue a job anew that has failed or was cancelled, with all its attempts."""
    found = _with_jobs(lambda jobs: jobs.retry(job), config_file, config_dir, data_dir)
    _print_one(found, as_json=as_json)


def _print_one(job: Job, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    document = _document(job)
    if as_json:
        _print_json(document)
        return
    table = Table("field", "value")
    for name, value in document.items():
        table.add_row(name, "" if value is None else str(value))
    Console().print(table)


def _document(job: Job) -> dict[str, Any]:
    import dataclasses
    from datetime import datetime

    return {
        name: value.isoformat() + "Z" if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(job).items()
    }


def _state(job: Job) -> str:
    from imagestore.model.job import ACTIVE

    ending = job.cancel_requested and job.state in ACTIVE
    return f"{job.state}, to be cancelled" if ending else job.state.value


def _progress(job: Job) -> str:
    if job.bytes_total:
        return f"{100 * job.bytes_done // job.bytes_total} % of {job.bytes_total:,}"
    return f"{job.bytes_done:,}" if job.bytes_done else ""


def _print_json(document: Any) -> None:
    import json

    typer.echo(json.dumps(document, indent=2))


def _with_jobs(
    function: Callable[[Jobs], Awaitable[T]],
    config_file: ConfigFiles,
    config_dir: ConfigDirs,
    data_dir: DataDir,
) -> T:
    """What ``function`` makes of the jobs in the configured database."""
    from imagestore.catalog.jobs import Jobs
    from imagestore.cli.connected import with_database
    from imagestore.supervisor import process_identity as process

    async def run(database: Any, settings: Any) -> T:
        return await function(Jobs(database, settings.jobs, process.identity()))

    return with_database(run, config_file, config_dir, data_dir, tables=True)
