"""``imagestore orphans``: what lies in stores and belongs to no image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import AsJson, document, print_list

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog
    from imagestore.database.orphans import Orphan

app = Group()

OfStore = Annotated[str | None, typer.Option("--store", help="Of this store alone.")]


@app.command()
def status(where: Configuration, as_json: AsJson = False) -> None:
    """Show when each store was last searched, and how much there was never an image's."""

    found = where.with_catalog(lambda catalog: catalog.orphans.searches()).values()
    print_list(
        [{**document(one), "unknown_percent": round(100 * one.share, 1)} for one in found],
        "store started_at finished_at objects unknown unknown_percent",
        as_json=as_json,
    )


@app.command()
def search(where: Configuration, as_json: AsJson = False) -> None:
    """Have a running node search all stores now. What it finds counts from the second time on."""
    where.queue(lambda catalog: catalog.orphans.search(), as_json=as_json)


@app.command("list")
def list_orphans(
    where: Configuration,
    store: OfStore = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was not seen for long enough.")
    ] = False,
    as_json: AsJson = False,
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
        as_json=as_json,
    )
    if any(ripe for _, ripe in found):
        raise typer.Exit(1)


@app.command()
def delete(
    where: Configuration,
    image: Annotated[
        str | None, typer.Argument(metavar="[IMAGE]", help="What is named for this id alone.")
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

    async def run(catalog: Catalog) -> bool:
        stays = False
        async for outcome in catalog.orphans.delete(store, image, force=force):
            one = outcome.orphan
            if outcome.reason:
                stays = True
                typer.echo(f"{one.store} {one.image_id} stays: {outcome.reason}", err=True)
            else:
                typer.echo(f"{one.store} {one.image_id} removed")
        return stays

    if where.with_catalog(run, stores=True):
        raise typer.Exit(1)
