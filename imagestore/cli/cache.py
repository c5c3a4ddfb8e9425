"""``imagestore cache``: the cache of this node, as its configuration names it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from imagestore.cli.configured import Configuration, warn_if_unattended
from imagestore.cli.group import Group
from imagestore.cli.output import as_json, print_json, print_table, say, size, tell
from imagestore.model.errors import ConfigurationError

if TYPE_CHECKING:
    from imagestore.catalog.cache import CacheEntries
    from imagestore.catalog.jobs import Jobs
    from imagestore.config.settings import Settings
    from imagestore.database.engine import Database
    from imagestore.model.job import Job

T = TypeVar("T")

app = Group()

Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE...", help="Ids of images, or their beginnings.")
]


@app.command("list")
def list_entries(where: Configuration) -> None:
    """List what is in the cache, the entry used longest ago first, and what is queued."""

    async def run(cache: CacheEntries, _: Jobs) -> tuple[list[dict[str, Any]], list[str]]:
        return [listed.told() for listed in await cache.entries()], await cache.queued()

    entries, queued = _with_cache(where, run)
    if as_json.get():
        print_json({"cached_images": entries, "queued_images": queued})
        return

    def told(entry: dict[str, Any]) -> Iterator[object]:
        yield entry["image_id"]
        yield "cached, pinned" if entry["pinned"] else "cached"
        yield entry["size"]
        yield entry["hits"]
        for name in ("last_accessed", "last_modified"):
            yield datetime.fromtimestamp(entry[name], UTC).strftime("%Y-%m-%d %H:%M:%SZ")

    print_table(
        ("image", "state", "size", "hits", "last read", "brought in"),
        [*map(told, entries), *((image_id, "queued") for image_id in queued)],
    )


@app.command()
def queue(where: Configuration, images: Images) -> None:
    """Have the service of this node bring images into its cache."""
    ids = where.images(images)

    async def run(cache: CacheEntries, jobs: Jobs) -> None:
        for image_id in ids:
            await cache.queue(image_id)
        await warn_if_unattended(jobs)

    _with_cache(where, run)
    _done("queued", ids)


@app.command()
def prefetch(where: Configuration) -> None:
    """Bring in what is queued now, in this process; not needed while the service runs.

    The exit code is 1 if an image could not be brought in.
    """
    import asyncio

    from imagestore.model.job import JobState

    async def run(cache: CacheEntries, jobs: Jobs) -> list[Job]:
        from imagestore.workers.runner import JobRunner

        waiting = [job.id for job in await cache.queue_jobs()]
        working = asyncio.create_task(JobRunner(jobs, 2).run())
        while await cache.queued():  # noqa: ASYNC110 (another process may do the work)
            await asyncio.sleep(0.2)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return [await jobs.show(job_id) for job_id in waiting]

    ended = _with_cache(where, run)
    failed = {job.image_id: job.message for job in ended if job.state is JobState.FAILED}
    for image_id, message in failed.items():
        typer.echo(f"{image_id}: {message}", err=True)
    cached = [job.image_id for job in ended if job.state is JobState.DONE]
    say(f"Brought in: {len(cached)}.", cached=cached, failed=failed)
    if failed:
        raise typer.Exit(1)


@app.command()
def prune(where: Configuration) -> None:
    """Shrink the cache to image_cache_max_size. The service does so by itself."""
    pruned = _with_cache(where, lambda cache, _: cache.prune())
    text = f"{pruned.files} entries removed, {size(pruned.bytes)}"
    say(text, files=pruned.files, bytes=pruned.bytes)


@app.command()
def clean(where: Configuration) -> None:
    """Remove what is invalid or stalled. The service does so by itself."""
    removed = _with_cache(where, lambda cache, _: cache.clean())
    say(f"{removed} files removed", files=removed)


@app.command()
def delete(
    where: Configuration,
    images: Annotated[list[str] | None, typer.Argument(metavar="[IMAGE]...")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Empty the cache and the queue of this node.")
    ] = False,
    queued: Annotated[
        bool, typer.Option("--queued", help="From the queue alone; what is cached stays.")
    ] = False,
) -> None:
    """Remove images from the caches of all nodes, and from the queue of this one."""
    if bool(images) == everything:
        raise typer.BadParameter("Name images, or say --all.")
    ids = where.images(images or ())

    async def run(cache: CacheEntries, _: Jobs) -> None:
        if everything:
            await cache.dequeue()
            if not queued:
                await cache.clear()
        for image_id in ids:
            await cache.dequeue(image_id)
            if not queued:
                await cache.delete(image_id)

    _with_cache(where, run)
    _done("removed", ids, everything=everything)


@app.command()
def pin(where: Configuration, images: Images) -> None:
    """Have the entries of images stay in the cache of this node, whatever room is needed."""
    _pin(where, images, pinned=True)


@app.command()
def unpin(where: Configuration, images: Images) -> None:
    """Let the entries of images be evicted again."""
    _pin(where, images, pinned=False)


def _pin(where: Configuration, images: list[str], *, pinned: bool) -> None:
    ids = where.images(images)

    async def run(cache: CacheEntries, _: Jobs) -> None:
        for image_id in ids:
            await cache.pin(image_id, pinned=pinned)

    _with_cache(where, run)
    _done("pinned" if pinned else "unpinned", ids)


def _done(what: str, ids: list[str], *, everything: bool = False) -> None:
    say(f"All {what}." if everything else "", **{what: "all" if everything else ids})
    for image_id in ids:
        tell(f"{image_id} {what}")


def _with_cache(where: Configuration, function: Callable[[CacheEntries, Jobs], Awaitable[T]]) -> T:
    """What ``function`` makes of the configured cache."""
    from imagestore.cache.cache import Cache
    from imagestore.catalog.cache import CacheEntries
    from imagestore.catalog.dependencies import assemble
    from imagestore.catalog.downloads import Downloads
    from imagestore.catalog.jobs import Jobs
    from imagestore.stores.stores import Stores
    from imagestore.transfer.verification import verify

    async def run(database: Database, settings: Settings) -> T:
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

    return where.with_database(run, tables=True)
