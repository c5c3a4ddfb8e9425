"""The parent process put together: its sockets, the directory of metrics, its workers."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator, Sequence

from imagestore.config.settings import Settings
from imagestore.supervisor import metrics_directory, orphans
from imagestore.supervisor.listeners import Listeners, bind_one, check_exposure
from imagestore.supervisor.loader import Loader
from imagestore.supervisor.supervisor import Supervisor

_PRIVATE = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"}
"""Variables by which systemd talks to this process, and not to its workers."""


def supervise(read: Callable[[], Settings], command: Sequence[str]) -> None:
    """Serve until told to end.

    ``read`` gives the settings, now and at every reload. ``command`` starts a
    process of which workers are forked; which sockets there are is appended. Raises
    :class:`ConfigurationError`, and :class:`imagestore.supervisor.supervisor.StartError`.
    """
    settings = read()
    server = settings.server
    with contextlib.ExitStack() as stack:
        listeners = Listeners(server.bind_host, server.bind_port, server.workers, server.backlog)
        stack.callback(listeners.close)
        if listeners.inherited:  # others the workers look at, with all that is to be said
            check_exposure(settings.identity, listeners)

        environ = {name: value for name, value in os.environ.items() if name not in _PRIVATE}
        internal: dict[str, int] = {}
        ended: Callable[[int], None] = lambda pid: None  # noqa: E731
        if server.metrics_bind is not None:
            internal["metrics"] = stack.enter_context(bind_one(*server.metrics_bind)).fileno()
            ended = stack.enter_context(_metrics_files(settings, environ))
        if server.registry_bind is not None:
            registry = stack.enter_context(bind_one(*server.registry_bind))
            internal["registry"] = registry.fileno()

        def load() -> Loader:
            return Loader(command, [each.fileno() for each in listeners], environ, internal)

        orphans.adopt()
        _allow_as_many_files_as_may_be()
        Supervisor(settings, listeners, load, read, ended).run()


def _allow_as_many_files_as_may_be() -> None:
    """For workers, who inherit it. A download takes two: the usual 1024 are for programs that call
    ``select``, and more are to be had without a right."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def _metrics_files(settings: Settings, environ: dict[str, str]) -> Iterator[Callable[[int], None]]:
    """Make the directory that workers share; what to call when one of them has ended."""
    directory = metrics_directory.create(settings.data_dir / "run")
    environ[metrics_directory.VARIABLE] = str(directory)
    try:
        yield lambda pid: metrics_directory.forget(directory, pid)
    finally:
        metrics_directory.remove(directory)
