"""``imagestore scrub``: deleted images whose bytes are still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import print_list, say, tell

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog

app = Group()


@app.command("list")
def list_pending(where: Configuration) -> None:
    """List deletions that are not done: delayed, under way, or hindered by a store."""
    from imagestore.model.clock import now

    async def run(catalog: Catalog) -> list[dict[str, Any]]:
        moment = now()
        rows = [
            {
                "image": one.id,
                "name": one.name,
                "project": one.owner,
                "size": one.size,
                "state": "due" if due <= moment else "kept",
                "since": f"{one.deleted_at.isoformat()}Z",
                "due": f"{due.isoformat()}Z",
                "store": None,
            }
            for one, due in await catalog.scrubber.pending()
        ]
        return rows + [
            {
                "image": entry.image_id,
                "name": None,
                "project": None,
                "size": None,
                "state": f"unfinished {entry.kind}",
                "since": f"{entry.started_at.isoformat()}Z",
                "due": None,
                "store": entry.store or None,
            }
            for entry in await catalog.scrubber.unfinished()
        ]

    found = where.with_catalog(run)
    print_list(found, "image name project size state since due store")


@app.command()
def run(where: Configuration) -> None:
    """Remove the data of all deleted images whose scrub_time is over, now.

    The service does so by itself every wakeup_time with delayed_delete. The exit code is 1
    if a store hindered it.
    """
    done = where.with_catalog(lambda catalog: catalog.scrubber.scrub(), stores=True)
    for image_id in done.removed:
        tell(f"{image_id} removed")
    for image_id, reason in done.failed:
        typer.echo(f"{image_id} has to wait: {reason}", err=True)
    nothing = not (done.removed or done.failed)
    say("Nothing is due." if nothing else "", removed=list(done.removed), failed=dict(done.failed))
    if done.failed:
        raise typer.Exit(1)
