"""The command ``imagestore``.

Of the groups of commands only the one that is asked for is imported, and commands import what
they need when they run: so that help is there at once, and processes stay small.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from imagestore import __version__
from imagestore.backends import private
from imagestore.cli.exits import complain, exit_code
from imagestore.cli.group import Group
from imagestore.cli.output import say
from imagestore.model.errors import ImagestoreError

_GROUPS = {
    "db": "Create, upgrade, check and purge the tables "
    "(SQLite is upgraded at the start of the service).",
    "config": "Look at the configuration: what is in force, what could be, what is wrong.",
    "store": "Look at the stores in which the images lie.",
    "policy": "Look at the policy: the rules in force, and whom they let do what.",
    "job": "Look at background work: what waits, runs, has failed; cancel it, try it again.",
    "replication": "Look at the rules by which images are copied between stores.",
    "cache": "Look at the cache of this node, fill and empty it. The service may run or not.",
    "image": "Bring back what was deleted.",
    "scrub": "Look at deleted images whose data is still there, and remove it.",
    "patrol": "See whether what is stored is what was uploaded, and what is damaged.",
    "orphans": "Find what lies in stores, or is staged, and belongs to no image.",
    "status": "See whether an upgrade can go on.",
    "commands": "The commands of Glance: what is in their place; links with their names.",
    "site": "Carry images between sites: other Images APIs, imagestore or Glance, and "
    "directories.\n\nA site is a URL, [bold]host:port[/bold], or the name of a cloud in "
    "clouds.yaml.",
}
"""What each is for. Its commands are in the module of the same name."""
_FORMERLY = {"site": "replicate"}


def version() -> None:
    """Print the version of imagestore."""
    say(__version__, version=__version__)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print it.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


def commands(words: Sequence[str] | None) -> Group:
    """All commands; whole are those that a command line of these words can mean, or all (None)."""
    asked = next((word for word in words or () if not word.startswith("-")), None)
    completing = words is None or "_IMAGESTORE_COMPLETE" in os.environ  # set by a shell
    app = Group(
        name="imagestore",
        help="An image service that speaks the OpenStack Images API.\n\n"
        "[bold]imagestore serve[/bold] is all it takes to start: without any configuration it "
        "serves on http://127.0.0.1:9292, with a SQLite database and a directory for the images.",
        epilog="Configuration files are those of Glance: "
        "[bold]imagestore serve --config-file /etc/glance/glance-api.conf[/bold]",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if asked == "worker":
        from imagestore.cli.worker import worker

        app.command(name="worker", hidden=True, answers=False)(worker)
    elif asked != "version" and "--version" not in (words or ()):
        from imagestore.cli.serve import serve

        app.command(name="serve", answers=False)(serve)
    app.command()(version)
    app.callback()(options)
    for name, purpose in _GROUPS.items():
        former = _FORMERLY.get(name, name)
        wanted = asked in (name, former) or completing
        group = import_module(f"imagestore.cli.{name}").app if wanted else Group()
        app.add_typer(group, name=name, help=purpose)
        if wanted and former != name:
            app.add_typer(group, name=former, help=purpose, hidden=True)
    return app


def main() -> None:
    """Run the command line, also under a name of Glance's. What went wrong is told in one line."""
    private.restrict_process()
    program, words, codes = Path(sys.argv[0]).name, sys.argv[1:], dict[int, int]()
    try:
        if program.startswith("glance-"):
            from imagestore.cli import formerly

            call = formerly.translate(program, words)
            words, codes = call.words, dict(call.codes)
            os.environ.update(call.environ)
        commands(words)(words, prog_name="imagestore")
    except ImagestoreError as error:
        complain(error.message, getattr(error, "warnings", ()))
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as end:
        if isinstance(end.code, int) and end.code in codes:
            sys.exit(codes[end.code])
        raise
