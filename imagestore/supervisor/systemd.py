"""What systemd and a service tell each other: sockets that are open already, and readiness."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

_FIRST_FD = 3


def inherited(environ: Mapping[str, str] = os.environ) -> list[socket.socket]:
    """The listening sockets of socket activation (``LISTEN_FDS``); empty without it."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=fd) for fd in range(_FIRST_FD, _FIRST_FD + count)]


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send ``state`` (``READY=1``, ``STOPPING=1``) if a service manager asked to be told."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            # Nobody listens any more; that must not stop the service.
            return


def reloading() -> str:
    """The state that announces a reload; ``READY=1`` ends it."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
