"""``imagestore image``: what only an operator can do to an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

if TYPE_CHECKING:
    from imagestore.catalog.catalog import Catalog

app = typer.Typer(help="Bring back what was deleted.", no_args_is_help=True)


@app.callback()
def image() -> None:
    """Keep ``restore`` a command of its own, though it is the only one."""


@app.command()
def restore(
    image_id: Annotated[str, typer.Argument(metavar="IMAGE", help="The id of the image.")],
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
) -> None:
    """Undo a deletion whose time is not up yet: with delayed_delete, see imagestore scrub list."""
    from imagestore.cli.connected import with_catalog

    async def run(catalog: Catalog) -> None:
        await catalog.scrubber.restore(image_id)

    with_catalog(run, config_file, config_dir, data_dir)
    typer.echo(f"Image {image_id} is active again.")
