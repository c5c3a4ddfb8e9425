"""The identity of this process, and whether another one is still alive.

Rows that say "I am working on this" carry such an identity, so that the work of
a process that died is found at once on the same machine, and after a lease on
any other.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

_PROC = Path("/proc")


def identity() -> str:
    """``host/boot/pid-namespace/pid/start``: never the same for two processes."""
    pid = os.getpid()
    return f"{_place()}/{pid}/{_start_time(pid)}"


def is_gone(other: str) -> bool | None:
    """Whether the process of that identity has ended; None if it cannot be known from here.

    It can be known for processes of this machine since it booted, in this pid
    namespace, and for those of an earlier boot of this machine.
    """
    try:
        host, boot, namespace, pid, start = other.split("/")
    except ValueError:
        return None
    here = _place().split("/")
    if host != here[0] or not pid.isdecimal():
        return None
    if boot != here[1]:
        return True
    if namespace != here[2]:
        return None
    return _start_time(int(pid)) != start


def _place() -> str:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    namespace = (_PROC / "self/ns/pid").readlink().name.removeprefix("pid:").strip("[]")
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _start_time(pid: int) -> str | None:
    """Clock ticks since boot when the process started; None if there is none."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The second field, the name, is in brackets and may itself hold blanks and brackets.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started
