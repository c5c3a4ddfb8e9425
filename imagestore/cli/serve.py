"""``imagestore serve``: the parent process of the service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from imagestore.cli.options import ConfigDirs, ConfigFiles, DataDir

_PANEL = "Listening"


def serve(
    config_file: ConfigFiles = None,
    config_dir: ConfigDirs = None,
    data_dir: DataDir = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Listen here. Default: 127.0.0.1, or \\[DEFAULT] bind_host.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Listen on this port; 0 for any that is free. "
            "Default: 9292, or \\[DEFAULT] bind_port.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Processes that share the port; 0 for one per processor. "
            "Default: 1, or \\[DEFAULT] workers.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log in detail.")] = False,
    app: Annotated[str, typer.Option(hidden=True)] = "imagestore.app:create",
) -> None:
    """Serve the Images API until told to stop.

    [bold]SIGHUP[/bold] reads the configuration again and replaces the worker processes one by
    one; no request is lost. [bold]SIGTERM[/bold] and [bold]Ctrl-C[/bold] let transfers end first,
    a second one ends at once.
    """
    import logging

    from imagestore.config import data_directory
    from imagestore.config.arguments import unparse
    from imagestore.config.load import load
    from imagestore.config.settings import Settings
    from imagestore.observing import logs
    from imagestore.supervisor.supervise import supervise
    from imagestore.supervisor.supervisor import StartError

    log = logging.getLogger(__name__)
    args = unparse(
        config_file or (),
        config_dir or (),
        data_dir=data_dir,
        host=host,
        port=port,
        workers=workers,
        debug=debug,
    )

    def read() -> Settings:
        settings = load(args)
        logs.setup(settings.logging)
        for warning in settings.warnings:
            log.warning("%s", warning)
        data_directory.make(settings)
        return settings

    # -P: a directory that happens to be the current one must not shadow a module.
    command = [sys.executable, "-P", "-m", "imagestore", "worker", *args, "--app", app]
    try:
        supervise(read, command)
    except StartError as error:
        typer.echo(f"imagestore: {error.failure.message}", err=True)
        raise typer.Exit(error.failure.code) from error
