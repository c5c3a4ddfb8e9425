"""``imagestore worker``: what ``imagestore serve`` starts; of no use to anyone else."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from imagestore.cli.configured import Serving


def worker(
    given: Serving,
    parent: Annotated[int, typer.Option()],
    fd: Annotated[list[int], typer.Option()],
    control_fd: Annotated[int, typer.Option()],
    app: Annotated[str, typer.Option()],
    internal_fd: Annotated[list[str], typer.Option(default_factory=list)],
) -> None:
    """Load what workers need, and become as many of them as the parent process asks for."""
    import gc
    import logging
    import os

    # What is imported stays. To look through it for garbage takes a fifth of the start.
    gc.disable()

    from imagestore.cli.exits import exit_code, sentence
    from imagestore.model.errors import ImagestoreError
    from imagestore.observing import logs
    from imagestore.serving import server
    from imagestore.supervisor import loader, orphans, reports
    from imagestore.supervisor.listeners import check_exposure

    def failure(error: Exception) -> reports.Failure:
        if not isinstance(error, ImagestoreError):
            logging.getLogger(__name__).exception("a worker process failed")
        return reports.Failure(sentence(error), exit_code(error))

    orphans.end_with_parent(parent)
    named = (each.partition("=") for each in internal_fd)
    internal = {use: int(number) for use, _, number in named}
    # No program that is started from here shall have these as well.
    for each in (*fd, control_fd, *internal.values()):
        os.set_inheritable(each, False)
    try:
        settings = given.load()
        logs.setup(settings.logging)
        create = server.factory(app, settings)
    except Exception as error:
        loader.refuse_workers(control_fd, failure(error))

    place = loader.fork_workers(control_fd, fd)
    try:
        orphans.end_with_parent(parent)
        inherited = server.inherit(place, internal)
        # Once more, as a reload may have brought another flavor.
        check_exposure(settings.identity, inherited.listeners)
        gc.enable()
        server.run(settings, create, inherited)
    except Exception as error:
        told = failure(error)
        reports.send_failure(place.report, told)
        sys.exit(told.code)
