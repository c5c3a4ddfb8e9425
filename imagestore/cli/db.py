"""``imagestore db``: the tables of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from imagestore.cli import metadefs
from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import document, say, tell

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from imagestore.config.settings import Settings
    from imagestore.database.engine import Database

AgeInDays = Annotated[
    int,
    typer.Option(
        "--age-in-days",
        "--age_in_days",
        min=0,
        max=36500,
        metavar="DAYS",
        help="Only what was deleted more days ago.",
    ),
]
MaxRows = Annotated[
    int,
    typer.Option(
        "--max-rows",
        "--max_rows",
        min=-1,
        max=2**31 - 1,
        metavar="N",
        help="At most so many rows; -1: all.",
    ),
]
# glance-manage has them, and its scripts may give them.
To = Annotated[str | None, typer.Argument(hidden=True)]
ToVersion = Annotated[str | None, typer.Option("--version", hidden=True)]
_AT_ONCE = 1000
_SHOWN = 20

app = Group()


@app.command()
def upgrade(where: Configuration, to: To = None, to_version: ToVersion = None) -> None:
    """Create the tables, or bring them to what this version needs. May be repeated."""

    async def run(database: Database, _: Settings) -> str | None:
        await database.upgrade()
        return await database.version()

    if (to or to_version or "head") not in ("head", "heads"):
        typer.echo("The tables are brought to the newest version, not to another.", err=True)
    revision = where.with_database(run)
    say(f"The tables are at {revision}.", version=revision)


@app.command()
def contract(where: Configuration) -> None:
    """Drop what only nodes of an older release need: after an upgrade, when none of them is left.

    Indexes that others replace: until then they cost room, and time of who writes.
    """
    dropped = where.with_database(lambda database, _: database.contract())
    text = f"Dropped: {', '.join(dropped)}." if dropped else "There is nothing to drop."
    say(text, dropped=list(dropped))


@app.command()
def widen(where: Configuration) -> None:
    """Let tables in MariaDB and MySQL hold characters of four bytes, as four_byte_characters needs.

    Each of these tables is written anew; others cannot write to it meanwhile. May be repeated.
    """
    columns = where.with_database(lambda database, _: database.widen(), tables=True)
    text = f"Widened: {', '.join(columns)}." if columns else "The tables hold them already."
    say(text, widened=list(columns))


@app.command()
def check(where: Configuration) -> None:
    """Say whether the tables are what this version needs.

    Exit code 0 if so; 3 if they have to be made or upgraded, 5 if Glance is in the middle of
    doing so, as from [bold]glance-manage db check[/bold]; 1 if they are of a newer version.
    """
    from imagestore.database.migrations import State

    state = where.with_database(lambda database, _: database.check())
    text = "The tables are up to date." if state is State.OK else state.advice
    say(text, state=state.word)
    raise typer.Exit(state.exit_code)


@app.command()
def version(where: Configuration) -> None:
    """Print the revision that the tables stand at; none if there are none of ours."""
    revision = where.with_database(lambda database, _: database.version())
    say(revision or "none", version=revision)


@app.command()
def relocate(
    where: Configuration,
    old: Annotated[str, typer.Argument(metavar="OLD", help="Directory, or how URLs begin.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What stands in place of it now.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show it, and change nothing.")
    ] = False,
) -> None:
    """Put right the locations of images whose directory, bucket or server has another name now.

    A directory stands for the files below it (/srv/a and /srv/b), anything else is a URL as far
    as a slash (swift+https://old/ and swift+https://new/). Nothing but locations is changed, and
    no store is asked. Again with OLD and NEW exchanged, it is undone.
    """
    from imagestore.database import locations

    before, after = _beginning(old), _beginning(new)

    found: list[tuple[str, str]] = []

    async def run(database: Database, _: Settings) -> None:
        last: int | None = 0
        look = database.read if dry_run else database.write
        while last is not None:
            changed, last = await look(
                locations.relocate, before, after, last, _AT_ONCE, only_look=dry_run
            )
            for was, now in changed[: max(0, _SHOWN - len(found))]:
                tell(f"{was} -> {now}")
            found.extend(changed)

    where.with_database(run, tables=True)
    more = f"(and {len(found) - _SHOWN} more)\n" if len(found) > _SHOWN else ""
    say(
        f"{more}{'Would be changed' if dry_run else 'Changed'}: {len(found)}.",
        dry_run=dry_run,
        locations=[{"old": was, "new": now} for was, now in found],
    )


@app.command()
def hold(where: Configuration) -> None:
    """Have the service remove nothing from the stores by itself, as after a restore from a backup.

    What was half done when the database was left is listed. A start does this alone where it sees
    that the database is older than it was. What users delete is deleted.
    """
    found = where.with_catalog(lambda catalog: catalog.hold.begin())
    for entry in found:
        place = f" in {entry.store}" if entry.store else ""
        since = f"{entry.started_at:%Y-%m-%d %H:%M:%SZ}"
        tell(f"half done: {entry.kind} of image {entry.image_id}{place}, {since}")
    told = [document(entry) for entry in found]
    say("Nothing is removed by itself until: imagestore db release", half_done=told)


@app.command()
def release(where: Configuration) -> None:
    """End the hold: the database is the right one, and what it says is removed may be removed."""
    was_on = where.with_catalog(lambda catalog: catalog.hold.end())
    say("The hold is over." if was_on else "There was no hold.", was_on=was_on)


def _beginning(text: str) -> str:
    """How the URLs begin that ``text`` stands for, up to a slash."""
    if "://" not in text and not text.startswith("/"):
        raise typer.BadParameter(f"{text} is neither an absolute path nor the beginning of a URL.")
    return (text if "://" in text else f"file://{text}").rstrip("/") + "/"


@app.command()
def purge(where: Configuration, age_in_days: AgeInDays = 30, max_rows: MaxRows = 100) -> None:
    """Remove the rows of what was deleted some time ago, those of images apart.

    Of each table at most --max-rows, the longest deleted first.
    """
    from imagestore.database import purge

    _remove(where, purge.purge, age_in_days, max_rows)


@app.command("purge-images-table")
def purge_images_table(
    where: Configuration,
    age_in_days: AgeInDays = 180,
    max_rows: MaxRows = 100,
) -> None:
    """Remove the rows of images that were deleted some time ago. Their ids stay taken."""
    from imagestore.database import purge

    def remove(conn: Connection, before: datetime, limit: int) -> Mapping[str, int]:
        return {"images": purge.purge_images(conn, before, limit)}

    _remove(where, remove, age_in_days, max_rows)


def _remove(
    where: Configuration,
    remove: Callable[[Connection, datetime, int], Mapping[str, int]],
    age_in_days: int,
    max_rows: int,
) -> None:
    """Have ``remove`` remove rows until it finds no more, and say how many of which table."""
    from datetime import UTC, datetime, timedelta

    from imagestore.catalog.integrity.hold import Hold

    async def run(database: Database, settings: Settings) -> dict[str, int]:
        before = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=age_in_days)
        removed: dict[str, int] = {}
        async with Hold(database, settings).purging():
            for number in _batches(max_rows):
                now = await database.write(remove, before, number)
                removed = {table: removed.get(table, 0) + count for table, count in now.items()}
                if max(now.values()) < number:
                    break
        return removed

    removed = where.with_database(run, tables=True)
    lines = (f"{table}: {count} rows removed." for table, count in removed.items())
    say("\n".join(lines), removed=removed)


def _batches(rows: int) -> Iterator[int]:
    """That many rows in small transactions, between which others can write; -1: without end."""
    while rows:
        number = _AT_ONCE if rows < 0 else min(rows, _AT_ONCE)
        yield number
        if rows > 0:
            rows -= number


metadefs.register(app)
# As glance-manage has them. After an upgrade nothing is left to migrate.
for _name in ("sync", "expand", "version_control"):
    app.command(_name, hidden=True)(upgrade)
app.command("purge_images_table", hidden=True)(purge_images_table)
app.command("migrate", hidden=True)(check)
