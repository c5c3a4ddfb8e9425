"""``imagestore job``: background work, as all nodes that share the database do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import as_json, document, print_fields, print_list, size
from imagestore.model.job import ACTIVE, Job, JobState

if TYPE_CHECKING:
    from imagestore.catalog.jobs import Jobs
    from imagestore.config.settings import Settings
    from imagestore.database.engine import Database

T = TypeVar("T")

app = Group()

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The id of the job, or its beginning.")]


@app.command("list")
def list_jobs(
    where: Configuration,
    state: Annotated[
        list[JobState] | None,
        typer.Option(help="Only jobs in this state. May be repeated.", show_default=False),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only jobs of this kind.")] = None,
    image: Annotated[
        str | None, typer.Option(help="Only jobs on the image whose id begins so.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only jobs for this project.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most that are listed.")] = 100,
) -> None:
    """List jobs, the newest first."""

    [image_id] = where.images([image]) if image else [None]

    async def run(jobs: Jobs) -> list[Job]:
        return await jobs.list(
            states=state or (), kind=kind, image_id=image_id, project=project, limit=limit
        )

    found = _with_jobs(where, run)
    fields = "id kind for image_id target state updated_at attempts progress message"
    print_list(
        [document(job) if as_json.get() else _told(job) for job in found],
        fields,
        fields.replace("image_id", "image").replace("updated_at", "since").split(),
    )


@app.command()
def show(where: Configuration, job: JobId) -> None:
    """Show everything about one job."""
    found = _with_jobs(where, lambda jobs: _to(jobs, jobs.show, job))
    print_fields(document(found))


@app.command()
def cancel(where: Configuration, job: JobId) -> None:
    """Have a job end that waits or runs. The nodes notice within seconds."""
    found = _with_jobs(where, lambda jobs: _to(jobs, jobs.cancel, job))
    print_fields(document(found))


@app.command()
def retry(where: Configuration, job: JobId) -> None:
    """Queue a job anew that has failed or was cancelled, with all its attempts."""
    found = _with_jobs(where, lambda jobs: _to(jobs, jobs.retry, job))
    print_fields(document(found))


def _told(job: Job) -> dict[str, Any]:
    ending = job.cancel_requested and job.state in ACTIVE
    state = f"{job.state}, to be cancelled" if ending else job.state.value
    more = {"for": job.project or "the service", "state": state, "progress": _progress(job)}
    return document(job) | more


def _progress(job: Job) -> str:
    if job.bytes_total:
        return f"{100 * job.bytes_done // job.bytes_total} % of {size(job.bytes_total)}"
    return size(job.bytes_done) if job.bytes_done else ""


async def _to(jobs: Jobs, operation: Callable[[str], Awaitable[Job]], beginning: str) -> Job:
    """What is done to the job whose id begins so."""
    from imagestore.database import ids, schema

    return await operation(await jobs.database.read(ids.whole, schema.jobs.c.id, beginning))


def _with_jobs(where: Configuration, function: Callable[[Jobs], Awaitable[T]]) -> T:
    """What ``function`` makes of the jobs in the configured database."""
    from imagestore.catalog.jobs import Jobs
    from imagestore.supervisor import process_identity as process

    async def run(database: Database, settings: Settings) -> T:
        return await function(Jobs(database, settings.jobs, process.identity()))

    return where.with_database(run, tables=True)
