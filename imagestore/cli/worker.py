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
    report_fd: Annotated[int, typer.Option()],
    app: Annotated[str, typer.Option()],
    metrics_fd: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Serve on sockets that the parent process has opened."""
    import gc
    import logging

    # What is imported stays. To look through it for garbage takes a fifth of the start.
    gc.disable()

    from imagestore.cli.exits import exit_code, sentence
    from imagestore.model.errors import ImagestoreError
    from imagestore.observing import logs
    from imagestore.serving import server
    from imagestore.supervisor import reports
    from imagestore.supervisor.listeners import check_exposure

    server.end_with_parent(parent)
    inherited = server.inherit(parent, fd, report_fd, metrics_fd)
    try:
        settings = given.load()
        logs.setup(settings.logging)
        # Once more, as a reload may have brought another flavor.
        check_exposure(settings.identity, inherited.listeners)
        create = server.factory(app)
        gc.enable()
        server.run(settings, create, inherited)
    except Exception as error:
        if not isinstance(error, ImagestoreError):
            logging.getLogger(__name__).exception("a worker process failed")
        reports.send_failure(report_fd, reports.Failure(sentence(error), exit_code(error)))
        sys.exit(exit_code(error))
