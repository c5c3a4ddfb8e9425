"""One worker process: the application, served on listening sockets that its parent owns."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imagestore.config.settings import Server, Settings
from imagestore.model.errors import ConfigurationError
from imagestore.observing.access_log import AccessLogger, access_log
from imagestore.serving import responses
from imagestore.serving.connections import Runner
from imagestore.serving.ending import ENDING, REGISTRY
from imagestore.supervisor import reports
from imagestore.supervisor.loader import Place

log = logging.getLogger(__name__)

Factory = Callable[[Settings], web.Application]

_LAST_REQUEST = 1.0
"""Seconds for which a connection that idles is still kept when this process is to end.

A client that sends its next request in that time gets an answer, and with it
the word that the connection ends.
"""
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Inherited:
    """What the parent hands over; ``internal``: sockets that are not for users, by their use."""

    listeners: Sequence[socket.socket]
    report: int
    internal: Mapping[str, socket.socket]


def inherit(place: Place, internal: Mapping[str, int]) -> Inherited:
    """Take over the sockets that a worker was born with."""
    return Inherited(
        [socket.socket(fileno=fd) for fd in place.listeners],
        place.report,
        {use: socket.socket(fileno=fd) for use, fd in internal.items()},
    )


def factory(path: str, settings: Settings) -> Factory:
    """The function that ``module:name`` means, and all that it needs as it is configured.

    What that is, is known to a function ``preload`` of the module, if it has one.
    """
    place, _, name = path.partition(":")
    module = importlib.import_module(place)
    if (preload := getattr(module, "preload", None)) is not None:
        preload(settings)
    found: Factory = getattr(module, name)
    return found


async def serve(settings: Settings, create: Factory, inherited: Inherited) -> None:
    """Serve until SIGTERM, and then until what is under way has ended or its time is up."""
    ending = _until_terminated()
    context = tls(settings.server)
    app = create(settings)
    connections = _Connections(app)
    runner = Runner(
        app,
        access_log=access_log,
        access_log_class=AccessLogger,
        shutdown_timeout=_LAST_REQUEST,
        max_line=settings.server.max_header_line,
        patience=settings.server.progress_timeout,
        keepalive_timeout=settings.server.keepalive_timeout,
        # What a client calls encoded is stored as it came.
        auto_decompress=False,
    )
    beside = []
    try:
        await runner.setup()
        for use, listener in inherited.internal.items():
            internal = app[REGISTRY] if use == "registry" else _metrics(settings.server, app)
            beside.append(await _serve_internal(internal, listener, settings.server))
        sites = [
            web.SockSite(runner, listener, ssl_context=context, backlog=settings.server.backlog)
            for listener in inherited.listeners
        ]
        for site in sites:
            await site.start()
        _spare_the_collector()
        reports.send_ready(inherited.report)
        await ending()
        await stop_accepting(inherited.listeners, sites)
        await connections.drain(runner, settings.server.graceful_shutdown_timeout)
    finally:
        # First what lives on the parts of the application.
        for each in (*beside, runner):
            await each.cleanup()


async def stop_accepting(listeners: Sequence[socket.socket], sites: Sequence[web.SockSite]) -> None:
    """Leave new connections to whoever else holds the sockets, and lose none that was accepted.

    asyncio turns an accepted connection into a transport one turn of the loop later,
    and drops it without a word if the server was closed in between.
    """
    loop = asyncio.get_running_loop()
    for listener in listeners:
        loop.remove_reader(listener)
    await asyncio.sleep(_LOOK)
    for site in sites:
        await site.stop()


def _spare_the_collector() -> None:
    """What was made to start lives as long as the process: no collection need look at it again.

    A full collection takes tens of milliseconds otherwise, in which every request waits.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _until_terminated() -> Callable[[], Awaitable[None]]:
    """What waits for SIGTERM. One that comes before anybody waits cancels this task."""
    task = asyncio.current_task()
    assert task is not None
    arrived = asyncio.Event()
    waiting = False

    def on_signal() -> None:
        arrived.set()
        if not waiting:
            task.cancel()

    async def wait() -> None:
        nonlocal waiting
        waiting = True
        await arrived.wait()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_signal)
    return wait


def _metrics(settings: Server, served: web.Application) -> web.Application:
    """What answers ``GET /metrics``."""
    # Imported only now: it looks at the environment when it is, and is not small.
    from imagestore.observing import metrics

    app = web.Application(middlewares=[responses.middleware(settings.progress_timeout)])
    if (refresh := served.get(metrics.refresh)) is not None:
        app[metrics.refresh] = refresh
    app.router.add_get("/metrics", metrics.show)
    return app


async def _serve_internal(
    app: web.Application, listener: socket.socket, settings: Server
) -> web.AppRunner:
    """Serve ``app`` on a listening socket until the runner is cleaned up."""
    runner = Runner(
        app,
        access_log=None,
        shutdown_timeout=_LAST_REQUEST,
        max_line=settings.max_header_line,
        patience=settings.progress_timeout,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


class _Connections:
    """Which connections of an application are busy, and how they come to their end."""

    def __init__(self, app: web.Application) -> None:
        self._busy: set[Any] = set()
        self._draining = False
        self._ending = app[ENDING] = asyncio.Event()
        app.middlewares.insert(0, self._middleware())
        app.on_response_prepare.append(self._on_prepare)

    async def drain(self, runner: web.AppRunner, limit: float) -> None:
        """Wait until all connections have ended, at most ``limit`` seconds.

        The server must have stopped accepting. Whoever sends a request is answered
        and told to use another connection; whoever idles for long is let go.
        """
        self._draining = True
        self._ending.set()
        server = runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        start = loop.time()
        while server.connections and loop.time() < start + limit:
            if loop.time() > start + _LAST_REQUEST:
                for connection in server.connections:
                    if self._is_idle(connection):
                        # close() would only end the task that serves it, and leave the socket.
                        connection.force_close()
            await asyncio.sleep(_LOOK)
        if left := len(server.connections):
            log.warning("%d connection(s) are cut off: their time is up", left)

    def _is_idle(self, connection: Any) -> bool:
        transport = connection.transport
        return connection not in self._busy and (
            transport is None or not transport.get_write_buffer_size()
        )

    def _middleware(self) -> Middleware:
        busy = self._busy

        @web.middleware
        async def mark_busy(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = request.protocol
            busy.add(connection)
            try:
                return await handler(request)
            finally:
                busy.discard(connection)

        return mark_busy

    async def _on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        if self._draining:
            response.force_close()
            response.headers["Connection"] = "close"


def tls(server: Server) -> ssl.SSLContext | None:
    """What connections are accepted with; None for plain HTTP. :class:`ConfigurationError`."""
    if server.cert_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(server.cert_file, server.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"[DEFAULT] cert_file, key_file: {server.cert_file} cannot be used: {error}"
        ) from error
    return context


def run(settings: Settings, create: Factory, inherited: Inherited) -> None:
    """The whole life of a worker process; raises what keeps it from starting."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve(settings, create, inherited))
