"""``imagestore commands``: the names that commands had in Glance."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from imagestore.cli import formerly
from imagestore.cli.exits import FAILED
from imagestore.cli.group import Group
from imagestore.cli.output import print_list, say, tell

app = Group()


@app.command("list")
def list_commands() -> None:
    """List the commands of Glance, and those in their place."""
    told = [
        {
            "glance": f"{one.program} {one.old}".strip(),
            "imagestore": one.new and f"imagestore {one.new}",
            "note": one.note,
        }
        for one in formerly.TABLE
    ]
    print_list(told, "glance imagestore note")


@app.command()
def install(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Such as /usr/local/bin.")],
) -> None:
    """Make links with the names of Glance's programs in DIR, so that scripts go on.

    They take the arguments and end with the codes of those programs. What is there already
    and is no link of ours stays, and the exit code is 1.
    """
    target = Path(sys.executable).parent / "imagestore"
    if not target.is_file():
        target = Path(sys.argv[0]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    made, kept = [], []
    for name in formerly.PROGRAMS:
        link = directory / name
        ours = link.is_symlink() and link.readlink().name == "imagestore"
        if os.path.lexists(link) and not ours:
            typer.echo(f"{link} is there already and stays.", err=True)
            kept.append(str(link))
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        made.append(str(link))
        tell(str(link))
    say("", links=made, kept=kept)
    if kept:
        raise typer.Exit(FAILED)
