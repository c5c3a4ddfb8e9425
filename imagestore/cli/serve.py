"""``imagestore serve``: the parent process of the service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from imagestore.cli.configured import Serving


def serve(
    given: Serving, app: Annotated[str, typer.Option(hidden=True)] = "imagestore.app:create"
) -> None:
    """Serve the Images API until told to stop.

    [bold]SIGHUP[/bold] reads the configuration again and replaces the worker processes one by
    one; no request is lost. [bold]SIGTERM[/bold] and [bold]Ctrl-C[/bold] let transfers end first,
    a second one ends at once.
    """
    import logging

    from imagestore.cli.exits import complain
    from imagestore.config import data_directory
    from imagestore.config.settings import Settings
    from imagestore.observing import logs
    from imagestore.supervisor.supervise import supervise
    from imagestore.supervisor.supervisor import StartError

    log = logging.getLogger(__name__)

    def read() -> Settings:
        settings = given.load()
        logs.setup(settings.logging)
        for warning in settings.warnings:
            log.warning("%s", warning)
        data_directory.make(settings)
        return settings

    # -P: a directory that happens to be the current one must not shadow a module.
    command = [sys.executable, "-P", "-m", "imagestore", "worker", *given.arguments(), "--app", app]
    try:
        supervise(read, command)
    except StartError as error:
        complain(error.failure.message)
        raise typer.Exit(error.failure.code) from error
