"""``imagestore site``: images from one Images API to another, or to a directory and back.

Commands and arguments are those of ``glance-replicator``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from imagestore.cli import site_options as options
from imagestore.cli.exits import FAILED
from imagestore.cli.group import Group
from imagestore.cli.output import say

if TYPE_CHECKING:
    from imagestore.sites.client import Client
    from imagestore.sites.replication import PassResult, Replication
    from imagestore.sites.rules import SiteRules
    from imagestore.sites.site import Source, Target

T = TypeVar("T")

app = Group()

DIFFERENT = 3
"""Exit code of ``compare`` when there is something to do."""

Choose = Callable[[Any, Any], "tuple[Source, Target]"]
"""Source and target, made of the clients."""


@dataclass(frozen=True)
class Compare(options.Deleting, options.What, options.Between):
    pass


@app.command()
def compare(given: Compare) -> None:
    """Say how the images of TO differ from those of FROM. Exit code 3 if they do."""
    rules = given.rules(delete=given.delete)
    _pass(*given.clients(), _both, rules, dry_run=True, differing=DIFFERENT)


@dataclass(frozen=True)
class LiveCopy(options.Sending, options.Deleting, options.What, options.Between):
    pass


@app.command()
def livecopy(given: LiveCopy) -> None:
    """Make the images of TO those of FROM: same ids, metadata, tags, data.

    It may be repeated and ended at any time; what is there already is not moved again.
    """
    rules = given.rules(delete=given.delete)
    _pass(*given.clients(), _both, rules, **given.how())


@dataclass(frozen=True)
class DumpInto(
    options.Moving,
    options.Deleting,
    options.What,
    options.InDirectory,
    options.From,
):
    pass


@app.command()
def dump(given: DumpInto) -> None:
    """Save the images of SERVER in the directory PATH: <id>.json and <id>.img for each.

    A dump that was broken off goes on where it stopped, also within an image.
    """
    from imagestore.sites.dump import Dump

    place, directory = given.place_and_path(given.from_argument, given.source, "--from")
    rules = given.rules(delete=given.delete)
    server = options.client(place, given.source_token)
    _pass(server, None, lambda site, _: (site, Dump(directory)), rules, **given.how())


@dataclass(frozen=True)
class LoadFrom(options.Sending, options.What, options.InDirectory, options.To):
    pass


@app.command()
def load(given: LoadFrom) -> None:
    """Bring the images of the directory PATH, made by dump, to SERVER. The digests are checked."""
    from imagestore.sites.dump import Dump

    place, directory = given.place_and_path(given.to_argument, given.target, "--to")
    if not directory.is_dir():
        raise typer.BadParameter(f"There is no directory {directory}.")
    rules = given.rules()
    server = options.client(place, given.target_token)
    _pass(server, None, lambda site, _: (Dump(directory), site), rules, **given.how())


@dataclass(frozen=True)
class Size(options.Matching, options.From):
    pass


@app.command()
def size(given: Size) -> None:
    """Say how many images there are on SERVER, and how many bytes a dump of them takes."""
    import contextlib

    from imagestore.sites.images_api import ImagesApi

    place = given.source or given.from_argument
    if place is None:
        raise typer.BadParameter("Name the server.")
    matches = given.matches()

    async def run() -> tuple[int, int]:
        count = total = 0
        async with (
            options.client(place, given.source_token) as client,
            contextlib.aclosing(ImagesApi(client).records()) as records,
        ):
            async for record in records:
                if record.has_data and matches(record):
                    count, total = count + 1, total + (record.size or 0)
        return count, total

    count, total = _run(run)
    say(f"{total} bytes across {count} images", images=count, bytes=total)


def _both(source: Any, target: Any) -> tuple[Source, Target]:
    return source, target


def _pass(
    first: Client,
    second: Client | None,
    choose: Choose,
    rules: SiteRules,
    *,
    dry_run: bool,
    differing: int = 0,
    block: int | None = None,
    transfers: int = 2,
) -> None:
    """One pass between the sites that ``choose`` makes of the clients, and its report."""
    import contextlib

    from imagestore.cli import site_report as report
    from imagestore.sites.images_api import ImagesApi
    from imagestore.sites.replication import Replication

    async def run() -> tuple[list[Any], PassResult | None]:
        async with contextlib.AsyncExitStack() as stack:
            in_blocks = {} if block is None else {"block": block}
            apis = [
                ImagesApi(await stack.enter_async_context(client), **in_blocks) if client else None
                for client in (first, second)
            ]
            replication: Replication = Replication(*choose(*apis), rules, transfers)
            if dry_run:
                return (await replication.plan())[0], None
            with report.Progress() as progress:
                outcome = await replication.run(progress)
            return progress.steps, outcome

    steps, outcome = _run(run)
    if outcome is None:
        open_ = report.print_plan(steps)
        raise typer.Exit(differing if open_ else 0)
    report.print_outcome(steps, outcome)
    if outcome.failed:
        raise typer.Exit(FAILED)


def _run(function: Callable[[], Awaitable[T]]) -> T:
    import asyncio
    import logging

    async def run() -> T:
        return await function()

    logging.basicConfig(format="imagestore: %(message)s", level=logging.WARNING)
    return asyncio.run(run())
