"""The command ``imagestore``.

Commands import what they need when they run, so that help is there at once and
the parent of the workers stays small.
"""

from __future__ import annotations

import sys

import typer

from imagestore import __version__
from imagestore.backends import private
from imagestore.cli import (
    cache,
    config,
    db,
    image,
    job,
    metadefs,
    orphans,
    patrol,
    policy,
    replication,
    scrub,
    serve,
    site,
    store,
    worker,
)
from imagestore.cli.exits import exit_code
from imagestore.cli.group import Group
from imagestore.model.errors import ImagestoreError

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
app.command(name="serve")(serve.serve)
app.command(name="worker", hidden=True)(worker.worker)
metadefs.register(db.app)
app.add_typer(db.app, name="db")
app.add_typer(config.app, name="config")
app.add_typer(store.app, name="store")
app.add_typer(policy.app, name="policy")
app.add_typer(job.app, name="job")
app.add_typer(replication.app, name="replication")
app.add_typer(cache.app, name="cache")
app.add_typer(image.app, name="image")
app.add_typer(scrub.app, name="scrub")
app.add_typer(patrol.app, name="patrol")
app.add_typer(orphans.app, name="orphans")
app.add_typer(site.app, name="site")
app.add_typer(site.app, name="replicate", hidden=True)  # its name in earlier versions


@app.command()
def version() -> None:
    """Print the version of imagestore."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line. What went wrong is told in one line."""
    private.restrict_process()
    try:
        app(prog_name="imagestore")
    except ImagestoreError as error:
        typer.echo(f"imagestore: {error.message}", err=True)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
