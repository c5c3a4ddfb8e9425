"""Listening sockets: one for each worker, all on one port, all held open by the parent.

With ``SO_REUSEPORT`` the kernel spreads connections over the sockets. They stay
open in the parent while workers come and go, so a connection that waits in the
queue of a worker that has died is served by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from imagestore.config.settings import Identity, Server
from imagestore.model.errors import ConfigurationError
from imagestore.supervisor import systemd

_REASONS = {
    errno.EADDRINUSE: "another process listens there",
    errno.EACCES: "not permitted",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


class Listeners:
    """The sockets of the API, and which worker accepts from which of them."""

    def __init__(self, host: str, port: int, count: int, backlog: int) -> None:
        """Bind ``count`` sockets, or take those that systemd hands over.

        Raises :class:`ConfigurationError`. Port 0 means any free one.
        """
        self._host, self._backlog = host, backlog
        self._sockets = systemd.inherited()
        self._own = not self._sockets
        if self._own:
            if port:
                self._probe(port)
            self._sockets.append(_bind(host, port, reuse_port=True))
            self.grow(count)

    @property
    def address(self) -> str:
        """``host:port`` as it is really bound, or the path of a Unix socket."""
        return name(self._sockets[0])

    @property
    def inherited(self) -> bool:
        """Whether they are systemd's."""
        return not self._own

    def __iter__(self) -> Iterator[socket.socket]:
        return iter(self._sockets)

    def grow(self, count: int) -> None:
        """See that there are at least ``count`` sockets."""
        while self._own and len(self._sockets) < count:
            port = self._sockets[0].getsockname()[1]
            self._sockets.append(_bind(self._host, port, reuse_port=True))

    def listen(self) -> None:
        """From now on connections are taken, and wait until a worker accepts them.

        Only on the first socket: a worker that accepts from others listens on
        them by itself, so that nobody waits on a socket that has no worker yet.
        """
        self._sockets[0].listen(self._backlog)

    def of(self, worker: int, workers: int) -> list[socket.socket]:
        """The sockets of worker number ``worker`` (from 0) of ``workers``.

        No socket is ever without a worker: when there are fewer workers than
        there once were, some of them serve several.
        """
        return self._sockets[worker::workers] or [self._sockets[worker % len(self._sockets)]]

    def close(self) -> None:
        for listener in self._sockets:
            listener.close()

    def _probe(self, port: int) -> None:
        # A second service could join in by SO_REUSEPORT; without it the bind tells of the first.
        _bind(self._host, port, reuse_port=False).close()


def bind_one(host: str, port: int) -> socket.socket:
    """A single listening socket; :class:`ConfigurationError` if it cannot be had."""
    listener = _bind(host, port, reuse_port=False)
    listener.listen()
    return listener


def check_exposure(identity: Identity, listeners: Iterable[socket.socket]) -> None:
    """Refuse to let everyone who reaches the port be an administrator, unless asked to by name."""
    for listener in listeners:
        _check_exposure(identity, listener, name(listener))


def check_address(server: Server, identity: Identity) -> None:
    """Raise :class:`ConfigurationError` for an address at which the service would not listen. Its
    port is left alone: a service that runs has it."""
    with contextlib.closing(_bind(server.bind_host, 0, reuse_port=False)) as listener:
        _check_exposure(identity, listener, server.bind_host)


def check_registry(server: Server) -> None:
    """Refuse a registry that believes whoever reaches it from another machine."""
    if server.registry_bind is None or server.registry_secret:
        return
    host, port = server.registry_bind
    with contextlib.closing(_bind(host, 0, reuse_port=False)) as listener:
        if not _is_local(listener):
            raise ConfigurationError(
                "[imagestore] registry_bind: whoever reaches the registry is believed to be who "
                f"he says, and {host}:{port} can be reached from other machines. Bind to "
                "127.0.0.1, or set [imagestore] registry_secret."
            )


def _check_exposure(identity: Identity, listener: socket.socket, address: str) -> None:
    if identity.flavor or identity.allow_unauthenticated_remote or _is_local(listener):
        return
    raise ConfigurationError(
        f"[paste_deploy] flavor is empty, so every caller would be an administrator, and {address} "
        "can be reached from other machines. Set a flavor, bind to 127.0.0.1, or set [imagestore] "
        "allow_unauthenticated_remote = true."
    )


def name(listener: socket.socket) -> str:
    """The address of a socket as people write it."""
    address = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_local(listener: socket.socket) -> bool:
    if listener.family == socket.AF_UNIX:
        return True
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def _bind(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ConfigurationError(
            f"[DEFAULT] bind_host: {host!r} is not an address: {error.strerror}."
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = _REASONS.get(error.errno or 0) or os.strerror(error.errno or 0)
        raise ConfigurationError(f"Cannot listen on {host} port {port}: {reason}.") from error
    return listener
