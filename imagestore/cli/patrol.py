"""``imagestore patrol``: stored bytes that are read again and compared."""

from __future__ import annotations

from typing import Annotated

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import document, print_fields, print_list, say

app = Group()


@app.command()
def status(where: Configuration) -> None:
    """Show how far the pass of all nodes is, or how the last one ended."""
    found = where.with_catalog(lambda catalog: catalog.patrol.progress())
    if found is None:
        say("The patrol has never run.", started_at=None)
    else:
        print_fields(document(found))


@app.command()
def run(
    where: Configuration,
    image: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE]", help="Check the image alone whose id begins so."),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES",
            help="Read so much a second, also with a unit (20MB); 0: no limit. "
            "Default: patrol_rate.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Have a running node begin a pass now, or go on with the one that was interrupted."""
    from imagestore.config.value_types import Size

    try:
        number = None if rate is None else int(Size()(rate))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

    [image_id] = where.images([image]) if image else [None]
    where.queue(lambda catalog: catalog.patrol.start(rate=number, image_id=image_id))


@app.command("list")
def list_damages(
    where: Configuration,
    settled: Annotated[
        bool, typer.Option("--all", help="Also copies that are repaired or gone.")
    ] = False,
) -> None:
    """List damaged copies. The exit code is 1 if there is one that is not repaired."""
    from imagestore.database.damages import OPEN

    found = where.with_catalog(lambda catalog: catalog.patrol.damages(settled=settled))
    print_list(
        [document(damage) for damage in found],
        "image_id store state reason found_at updated_at",
        ("image", "store", "state", "reason", "found", "last seen"),
    )
    if any(one.state in OPEN for one in found):
        raise typer.Exit(1)
