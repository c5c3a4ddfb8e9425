"""``imagestore db load-metadefs`` and its like: metadata definitions from files and into files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import say, tell

if TYPE_CHECKING:
    from imagestore.config.settings import Settings
    from imagestore.database.engine import Database

EXPORTED = Path("metadefs")
"""Where files are written, below the current directory, when nothing else is said."""

Source = Annotated[
    Path | None,
    typer.Option(
        "--path",
        metavar="PATH",
        help="A file, or a directory of *.json. Default: metadata_source_path, or else the "
        "definitions that come with imagestore.",
        show_default=False,
    ),
]
Target = Annotated[
    Path | None,
    typer.Option(
        "--path",
        metavar="DIR",
        help="The directory to write to. Default: metadata_source_path, or else ./metadefs.",
        show_default=False,
    ),
]
Merge = Annotated[bool, typer.Option("--merge", help="Add to namespaces that are there already.")]
PreferNew = Annotated[
    bool,
    typer.Option(
        "--prefer-new",
        "--prefer_new",
        help="With --merge: where both say something, the files win.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="With --merge: remove namespaces that are there and make them anew."
    ),
]


def load(
    where: Configuration,
    path: Source = None,
    merge: Merge = False,
    prefer_new: PreferNew = False,
    overwrite: Overwrite = False,
) -> None:
    """Load metadata definitions from JSON files. Namespaces that are there stay as they are."""
    from imagestore.api.texts import Texts
    from imagestore.catalog.metadefs import loading
    from imagestore.cli import metadef_files
    from imagestore.model.clock import now
    from imagestore.model.errors import Conflict, Forbidden, Invalid

    if prefer_new and overwrite:
        raise typer.BadParameter("--prefer-new and --overwrite exclude each other.")
    if (prefer_new or overwrite) and not merge:
        raise typer.BadParameter("--prefer-new and --overwrite go with --merge.")
    mode = loading.Mode.MERGE if merge else loading.Mode.SKIP
    if prefer_new:
        mode = loading.Mode.PREFER_NEW
    if overwrite:
        mode = loading.Mode.OVERWRITE
    settings = where.load().images
    texts = Texts(settings.four_byte_characters)
    files = metadef_files.find(path or settings.metadata_source_path or metadef_files.shipped())

    loaded: dict[str, str] = {}
    failed: dict[str, str] = {}

    async def run(database: Database, _: Settings) -> None:
        for file in files:
            try:
                draft, contents = metadef_files.read(file, texts)
                outcome = await database.write(loading.load, draft, contents, mode, now())
            except (Invalid, Forbidden, Conflict) as error:
                typer.echo(f"{file}: {error.message}", err=True)
                failed[str(file)] = error.message
            else:
                loaded[draft.namespace] = outcome
                tell(f"{draft.namespace}: {outcome}")

    where.with_database(run, ready=True)
    say("", namespaces=loaded, failed=failed)
    if failed:
        raise typer.Exit(1)


def unload(where: Configuration) -> None:
    """Delete all metadata definitions from the database, whoever made them."""
    from imagestore.database.metadefs import namespaces

    gone = where.with_database(
        lambda database, _: database.write(namespaces.remove_all), ready=True
    )
    say(f"{gone} namespaces are gone, with all that was in them.", removed=gone)


def export(where: Configuration, path: Target = None) -> None:
    """Write all metadata definitions to JSON files, one for each namespace."""
    from imagestore.catalog.metadefs import loading
    from imagestore.cli import metadef_files

    async def run(database: Database, _: Settings) -> list[Path]:
        everything = await database.read(loading.dump)
        return metadef_files.write(target, everything)

    settings = where.load().images
    target = path or settings.metadata_source_path or EXPORTED
    files = [str(file) for file in where.with_database(run, ready=True)]
    say("\n".join(files), files=files)


def register(app: Group) -> None:
    """Add the commands to ``imagestore db``, also as glance-manage spells them."""
    app.command("load-metadefs")(load)
    app.command("unload-metadefs")(unload)
    app.command("export-metadefs")(export)
    app.command("load_metadefs", hidden=True)(load)
    app.command("unload_metadefs", hidden=True)(unload)
    app.command("export_metadefs", hidden=True)(export)
