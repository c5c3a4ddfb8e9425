"""``imagestore orphans``: what lies in stores and belongs to no image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import document, print_list, say, tell

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog
    from imagestore.database.orphans import Orphan

app = Group()

OfStore = Annotated[str | None, typer.Option("--store", help="Of this store alone.")]


@app.command()
def status(where: Configuration) -> None:
    """Show when each store was last searched, and how much there was never an image's."""

    found = where.with_catalog(lambda catalog: catalog.orphans.searches()).values()
    print_list(
        [{**document(one), "unknown_percent": round(100 * one.share, 1)} for one in found],
        "store started_at finished_at objects unknown unknown_percent",
    )


@app.command()
def search(where: Configuration) -> None:
    """Have a running node search all stores now. What it finds counts from the second time on."""
    where.queue(lambda catalog: catalog.orphans.search())


@app.command("list")
def list_orphans(
    where: Configuration,
    store: OfStore = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was not seen for long enough.")
    ] = False,
) -> None:
    """List orphans. The exit code is 1 if there is one."""

    async def run(catalog: Catalog) -> list[tuple[Orphan, bool]]:
        grace = catalog.orphans.grace
        found = [(one, one.is_ripe(grace)) async for one in catalog.orphans.list(store)]
        return [(one, ripe) for one, ripe in found if ripe or everything]

    found = where.with_catalog(run)
    print_list(
        [{**document(one), "state": "orphan" if ripe else "seen"} for one, ripe in found],
        "store image_id project state origin ours pieces bytes first_seen",
    )
    if any(ripe for _, ripe in found):
        raise typer.Exit(1)


@app.command()
def delete(
    where: Configuration,
    image: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE]", help="What is named for the id that begins so."),
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
) -> None:
    """Remove orphans from their stores, for good. The exit code is 1 if one had to stay."""

    from imagestore.database.schema import orphans

    [image_id] = where.images([image], orphans.c.image_id) if image else [None]

    async def run(catalog: Catalog) -> list[dict[str, Any]]:
        done = []
        async for outcome in catalog.orphans.delete(store, image_id, force=force):
            one = outcome.orphan
            done.append({**document(one), "stays": outcome.reason or None})
            if outcome.reason:
                typer.echo(f"{one.store} {one.image_id} stays: {outcome.reason}", err=True)
            else:
                tell(f"{one.store} {one.image_id} removed")
        return done

    done = where.with_catalog(run, stores=True)
    say("" if done else "There are none.", orphans=done)
    if any(one["stays"] for one in done):
        raise typer.Exit(1)
