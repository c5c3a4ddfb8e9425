"""``imagestore replicate``: images from one Images API to another, or to a directory and back.

Commands and arguments are those of ``glance-replicator``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from imagestore.cli.exits import FAILED

if TYPE_CHECKING:
    from imagestore.sites.client import Client
    from imagestore.sites.replication import Outcome, Replication
    from imagestore.sites.rules import Rules
    from imagestore.sites.site import Source, Target

T = TypeVar("T")

app = typer.Typer(
    help="Carry images between sites: other Images APIs, imagestore or Glance, and directories.\n\n"
    "A site is a URL, [bold]host:port[/bold], or the name of a cloud in clouds.yaml.",
    no_args_is_help=True,
)

DIFFERENT = 3
"""Exit code of ``compare`` when there is something to do."""

_SITE = "SERVER"

From = Annotated[str | None, typer.Option("--from", help="The source.", metavar=_SITE)]
To = Annotated[str | None, typer.Option("--to", help="The target.", metavar=_SITE)]
FromArgument = Annotated[str | None, typer.Argument(metavar="FROM", show_default=False)]
ToArgument = Annotated[str | None, typer.Argument(metavar="TO", show_default=False)]
Token = Annotated[
    str | None,
    typer.Option("--token", "-t", help="A token that both sites take.", envvar="OS_TOKEN"),
]
MasterToken = Annotated[
    str | None, typer.Option("--mastertoken", "-M", help="A token for the source.")
]
SlaveToken = Annotated[
    str | None, typer.Option("--slavetoken", "-S", help="A token for the target.")
]
Leave = Annotated[
    str,
    typer.Option(
        "--dontreplicate",
        "-D",
        metavar="FIELDS",
        help="Names of attributes and properties, with blanks or commas between them, that stay "
        "as they are at the target; owner, for sites whose projects differ.",
    ),
]
MetaOnly = Annotated[bool, typer.Option("--metaonly", "-m", help="Carry over no data.")]
Matching = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="NAME=VALUE",
        help="Only images with this attribute, property or tag. May be repeated; all have to hold.",
        show_default=False,
    ),
]
WithMembers = Annotated[
    bool, typer.Option("--members", help="Also the projects that images are shared with.")
]
Delete = Annotated[
    bool, typer.Option("--delete", help="Remove at the target what the source does not have.")
]
ConflictRule = Annotated[
    str,
    typer.Option(
        "--conflict",
        metavar="RULE",
        help="Whose metadata count where an image differs: source, target, or newer.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ChunkSize = Annotated[
    int, typer.Option("--chunksize", "-c", min=1, help="Bytes that are sent at once.")
]
Transfers = Annotated[int, typer.Option(min=1, max=64, help="Images at a time.")]

_BLOCK = 1 << 20


@app.command()
def compare(
    from_argument: FromArgument = None,
    to_argument: ToArgument = None,
    source: From = None,
    target: To = None,
    token: Token = None,
    mastertoken: MasterToken = None,
    slavetoken: SlaveToken = None,
    dontreplicate: Leave = "",
    metaonly: MetaOnly = False,
    match: Matching = None,
    members: WithMembers = False,
    delete: Delete = False,
    conflict: ConflictRule = "source",
    as_json: AsJson = False,
) -> None:
    """Say how the images of TO differ from those of FROM. Exit code 3 if they do."""
    rules = _rules(
        match, dontreplicate, conflict, members=members, delete=delete, data=not metaonly
    )
    ends = _ends(
        from_argument, to_argument, source, target, mastertoken or token, slavetoken or token
    )
    _between(*ends, rules, dry_run=True, as_json=as_json, differing=DIFFERENT)


@app.command()
def livecopy(
    from_argument: FromArgument = None,
    to_argument: ToArgument = None,
    source: From = None,
    target: To = None,
    token: Token = None,
    mastertoken: MasterToken = None,
    slavetoken: SlaveToken = None,
    dontreplicate: Leave = "",
    metaonly: MetaOnly = False,
    match: Matching = None,
    members: WithMembers = False,
    delete: Delete = False,
    conflict: ConflictRule = "source",
    dry_run: DryRun = False,
    chunksize: ChunkSize = _BLOCK,
    transfers: Transfers = 2,
    as_json: AsJson = False,
) -> None:
    """Make the images of TO those of FROM: same ids, metadata, tags, data.

    It may be repeated and ended at any time; what is there already is not moved again.
    """
    rules = _rules(
        match, dontreplicate, conflict, members=members, delete=delete, data=not metaonly
    )
    ends = _ends(
        from_argument, to_argument, source, target, mastertoken or token, slavetoken or token
    )
    _between(*ends, rules, dry_run=dry_run, as_json=as_json, block=chunksize, transfers=transfers)


@app.command()
def dump(
    from_argument: FromArgument = None,
    path: Annotated[Path | None, typer.Argument(metavar="PATH", show_default=False)] = None,
    source: From = None,
    token: Token = None,
    mastertoken: MasterToken = None,
    dontreplicate: Leave = "",
    metaonly: MetaOnly = False,
    match: Matching = None,
    members: WithMembers = False,
    delete: Delete = False,
    conflict: ConflictRule = "source",
    dry_run: DryRun = False,
    transfers: Transfers = 2,
    as_json: AsJson = False,
) -> None:
    """Save the images of SERVER in the directory PATH: <id>.json and <id>.img for each.

    A dump that was broken off goes on where it stopped, also within an image.
    """
    from imagestore.sites.dump import Dump

    place, directory = _place_and_path(from_argument, path, source, "--from")
    rules = _rules(
        match, dontreplicate, conflict, members=members, delete=delete, data=not metaonly
    )
    server = _client(place, mastertoken or token)
    _pass(server, None, lambda site, _: (site, Dump(directory)), rules,
          dry_run=dry_run, as_json=as_json, transfers=transfers)  # fmt: skip


@app.command()
def load(
    to_argument: Annotated[str | None, typer.Argument(metavar="TO", show_default=False)] = None,
    path: Annotated[Path | None, typer.Argument(metavar="PATH", show_default=False)] = None,
    target: To = None,
    token: Token = None,
    slavetoken: SlaveToken = None,
    dontreplicate: Leave = "",
    metaonly: MetaOnly = False,
    match: Matching = None,
    members: WithMembers = False,
    conflict: ConflictRule = "source",
    dry_run: DryRun = False,
    chunksize: ChunkSize = _BLOCK,
    transfers: Transfers = 2,
    as_json: AsJson = False,
) -> None:
    """Bring the images of the directory PATH, made by dump, to SERVER. The digests are checked."""
    from imagestore.sites.dump import Dump

    place, directory = _place_and_path(to_argument, path, target, "--to")
    if not directory.is_dir():
        raise typer.BadParameter(f"There is no directory {directory}.")
    rules = _rules(match, dontreplicate, conflict, members=members, delete=False, data=not metaonly)
    server = _client(place, slavetoken or token)
    _pass(server, None, lambda site, _: (Dump(directory), site), rules,
          dry_run=dry_run, as_json=as_json, block=chunksize, transfers=transfers)  # fmt: skip


@app.command()
def size(
    from_argument: FromArgument = None,
    source: From = None,
    token: Token = None,
    match: Matching = None,
    as_json: AsJson = False,
) -> None:
    """Say how many images there are on SERVER, and how many bytes a dump of them takes."""
    import contextlib
    import json

    from imagestore.sites.images_api import ImagesApi
    from imagestore.sites.rules import parse_match

    place = source or from_argument
    if place is None:
        raise typer.BadParameter("Name the server.")
    matches = parse_match(match or ())

    async def run() -> tuple[int, int]:
        count = total = 0
        async with (
            _client(place, token) as client,
            contextlib.aclosing(ImagesApi(client).records()) as records,
        ):
            async for record in records:
                if record.has_data and matches(record):
                    count, total = count + 1, total + (record.size or 0)
        return count, total

    count, total = _run(run)
    if as_json:
        typer.echo(json.dumps({"images": count, "bytes": total}))
    else:
        typer.echo(f"{total} bytes across {count} images")


Choose = Callable[[Any, Any], "tuple[Source, Target]"]


def _between(source: Client, target: Client, rules: Rules, **how: Any) -> None:
    _pass(source, target, lambda one, other: (one, other), rules, **how)


def _pass(
    first: Client,
    second: Client | None,
    choose: Choose,
    rules: Rules,
    *,
    dry_run: bool,
    as_json: bool,
    differing: int = 0,
    block: int = _BLOCK,
    transfers: int = 2,
) -> None:
    """One pass between the sites that ``choose`` makes of the clients, and its report."""
    import contextlib

    from imagestore.cli import replicate_report as report
    from imagestore.sites.images_api import ImagesApi
    from imagestore.sites.replication import Replication

    async def run() -> tuple[list[Any], Outcome | None]:
        async with contextlib.AsyncExitStack() as stack:
            apis = [
                ImagesApi(await stack.enter_async_context(client), block) if client else None
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
        open_ = report.print_plan(steps, as_json=as_json)
        raise typer.Exit(differing if open_ else 0)
    report.print_outcome(steps, outcome, as_json=as_json)
    if outcome.failed:
        raise typer.Exit(FAILED)


def _run(function: Callable[[], Awaitable[T]]) -> T:
    import asyncio
    import logging

    async def run() -> T:
        return await function()

    logging.basicConfig(format="imagestore: %(message)s", level=logging.WARNING)
    return asyncio.run(run())


def _rules(
    match: list[str] | None,
    skip: str,
    conflict: str,
    *,
    members: bool,
    delete: bool,
    data: bool,
) -> Rules:
    from imagestore.sites.rules import Conflict, Rules, parse_match

    if conflict not in set(Conflict):
        raise typer.BadParameter("--conflict is source, target or newer.")
    names = frozenset(skip.replace(",", " ").split())
    return Rules(parse_match(match or ()), names, Conflict(conflict), members, delete, data)


def _ends(
    from_argument: str | None,
    to_argument: str | None,
    source: str | None,
    target: str | None,
    source_token: str | None,
    target_token: str | None,
) -> tuple[Client, Client]:
    given = [place for place in (from_argument, to_argument) if place is not None]
    start = source or (given.pop(0) if given else None)
    end = target or (given.pop(0) if given else None)
    if start is None or end is None or given:
        raise typer.BadParameter("Name two sites: FROM TO, or --from and --to.")
    return _client(start, source_token), _client(end, target_token)


def _place_and_path(
    argument: str | None, path: Path | None, option: str | None, name: str
) -> tuple[str, Path]:
    if option is not None and path is None and argument is not None:
        return option, Path(argument)
    place = option or argument
    if place is None or path is None:
        raise typer.BadParameter(f"Name the server (or {name}) and the directory.")
    return place, path


def _client(place: str, token: str | None) -> Client:
    from imagestore.sites import places

    return places.client(place, token)
