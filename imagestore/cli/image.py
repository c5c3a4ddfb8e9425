"""``imagestore image``: what only an operator can do to an image."""

from __future__ import annotations

from typing import Annotated

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import say

app = Group()


@app.command()
def restore(
    where: Configuration,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="The id of the image, or its beginning.")
    ],
) -> None:
    """Undo a deletion whose time is not up yet: with delayed_delete, see imagestore scrub list."""
    [image_id] = where.images([image])
    where.with_catalog(lambda catalog: catalog.scrubber.restore(image_id))
    say(f"Image {image_id} is active again.", image=image_id, status="active")
