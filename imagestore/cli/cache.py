"""``imagestore cache``: the cache of this node, as its configuration names it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.catalog.cache import CacheEntries
    from imagestore.catalog.jobs import Jobs
    from imagestore.database.engine import Database

T = TypeVar("T")

app = typer.Typer(
    help="Look at the cache of this node, fill and empty it. The service may run or not.",
    no_args_is_help=True,
)

Images = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Ids of images.")]


@app.command("list")
def list_entries(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """List what is in the cache, the entry used longest ago first, and what is queued."""
    import json
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    async def run(cache: CacheEntries, _: Jobs) -> tuple[list[dict[str, Any]], list[str]]:
        found = [
            {
                "image_id": listed.entry.image_id,
                "size": listed.entry.size,
                "hits": listed.hits,
                "last_accessed": listed.entry.accessed,
                "last_modified": listed.entry.modified,
                "pinned": listed.entry.pinned,
            }
            for listed in await cache.entries()
        ]
        return found, await cache.queued()

    entries, queued = _with_cache(run, config_file, config_dir, data_dir)
    if as_json:
        document = {"cached_images": entries, "queued_images": queued}
        typer.echo(json.dumps(document, indent=2))
        return
    table = Table("image", "state", "size", "hits", "last read", "brought in")
    for entry in entries:
        times = (
            datetime.fromtimestamp(entry[name], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            for name in ("last_accessed", "last_modified")
        )
        state = "cached, pinned" if entry["pinned"] else "cached"
        table.add_row(entry["image_id"], state, f"{entry['size']:,}", str(entry["hits"]), *times)
    for image_id in queued:
        table.add_row(image_id, "queued", "", "", "", "")
    Console().print(table)


@app.command()
def queue(
    images: Images,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Have the service of this node bring images into its cache."""

    async def run(cache: CacheEntries, _: Jobs) -> None:
        for image_id in images:
            await cache.queue(image_id)

    _with_cache(run, config_file, config_dir, data_dir)


@app.command()
def prefetch(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Bring in what is queued now, in this process; not needed while the service runs.

    The exit code is 1 if an image could not be brought in.
    """
    import asyncio

    from imagestore.model.job import JobState

    async def run(cache: CacheEntries, jobs: Jobs) -> int:
        from imagestore.workers.runner import JobRunner

        waiting = [job.id for job in await cache.queue_jobs()]
        working = asyncio.create_task(JobRunner(jobs, 2).run())
        while await cache.queued():  # noqa: ASYNC110 (another process may do the work)
            await asyncio.sleep(0.2)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        failed = [
            job
            for job in [await jobs.show(job_id) for job_id in waiting]
            if job.state is JobState.FAILED
        ]
        for job in failed:
            typer.echo(f"{job.image_id}: {job.message}", err=True)
        return len(failed)

    if _with_cache(run, config_file, config_dir, data_dir):
        raise typer.Exit(1)


@app.command()
def prune(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Shrink the cache to image_cache_max_size. The service does so by itself."""
    pruned = _with_cache(lambda cache, _: cache.prune(), config_file, config_dir, data_dir)
    typer.echo(f"{pruned.files} entries removed, {pruned.bytes:,} bytes")


@app.command()
def clean(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Remove what is invalid or stalled. The service does so by itself."""
    removed = _with_cache(lambda cache, _: cache.clean(), config_file, config_dir, data_dir)
    typer.echo(f"{removed} files removed")


@app.command()
def delete(
    images: Annotated[list[str] | None, typer.Argument(metavar="[IMAGE]...")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Empty the cache and the queue of this node.")
    ] = False,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Remove images from the caches of all nodes, and from the queue of this one."""
    if bool(images) == everything:
        raise typer.BadParameter("Name images, or say --all.")

    async def run(cache: CacheEntries, _: Jobs) -> None:
        if everything:
            await cache.clear()
            await cache.clear_queue()
        for image_id in images or ():
            await cache.delete(image_id)
            await cache.dequeue(image_id)

    _with_cache(run, config_file, config_dir, data_dir)


@app.command()
def pin(
    images: Images,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Have the entries of images stay in the cache of this node, whatever room is needed."""
    _pin(images, config_file, config_dir, data_dir, pinned=True)


@app.command()
def unpin(
    images: Images,
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Let the entries of images be evicted again."""
    _pin(images, config_file, config_dir, data_dir, pinned=False)


def _pin(
    images: list[str],
    config_file: ConfigFiles,
    config_dir: ConfigDirs,
    data_dir: DataDir,
    *,
    pinned: bool,
) -> None:
    async def run(cache: CacheEntries, _: Jobs) -> None:
        for image_id in images:
            await cache.pin(image_id, pinned=pinned)

    _with_cache(run, config_file, config_dir, data_dir)


def _with_cache(
    function: Callable[[CacheEntries, Jobs], Awaitable[T]],
    config_file: ConfigFiles,
    config_dir: ConfigDirs,
    data_dir: DataDir,
) -> T:
    """What ``function`` makes of the configured cache."""
    from imagestore.cache.cache import Cache
    from imagestore.catalog.cache import CacheEntries
    from imagestore.catalog.dependencies import assemble
    from imagestore.catalog.downloads import Downloads
    from imagestore.catalog.jobs import Jobs
    from imagestore.cli.connected import with_database
    from imagestore.model.errors import ConfigurationError
    from imagestore.stores.stores import Stores
    from imagestore.transfer.verification import verify

    async def run(database: Database, settings: Any) -> T:
        if settings.cache.directory is None:
            raise ConfigurationError("[DEFAULT] image_cache_dir is not set: there is no cache.")
        stores = Stores(settings.stores)
        cache = Cache(settings.cache, verify)
        parts = assemble(settings, database, stores=stores, cache=cache)
        jobs, downloads = Jobs(database, settings.jobs, parts.owner), Downloads(parts)
        entries = CacheEntries(parts, jobs, downloads)
        await stores.start()
        await cache.start()
        try:
            return await function(entries, jobs)
        finally:
            await cache.stop()
            await downloads.close()
            await stores.stop()

    return with_database(run, config_file, config_dir, data_dir, tables=True)
