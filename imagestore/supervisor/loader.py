"""The process that loads code and configuration once, and of which workers are forked.

What it has loaded its workers share: the memory, and the time that loading takes. It serves
nothing, has one thread, and ends when no more workers are asked of it: whoever is started later
gets a new one, with code and configuration as they are then.

Workers are no children of it but of the parent of all: see :mod:`imagestore.supervisor.orphans`.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from imagestore.supervisor import reports
from imagestore.supervisor.child import Child
from imagestore.supervisor.reports import Failure

_LONGEST = 1 << 16
"""Bytes of a request: the descriptors of the sockets that a worker gets."""
_PATIENCE = 5.0
"""Seconds for which a loader may leave requests unread before it counts as broken."""


class Loader:
    """The process as its parent sees it. Whatever it is asked before it is ready, waits."""

    def __init__(
        self,
        command: Sequence[str],
        listeners: Sequence[int],
        environ: Mapping[str, str],
        internal: Mapping[str, int],
    ) -> None:
        """``listeners``: the descriptors of the API's sockets; ``internal``: of others, by use."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_PATIENCE)
        fds = [*listeners, theirs.fileno(), *internal.values()]
        arguments = ["--parent", str(os.getpid()), "--control-fd", str(theirs.fileno())]
        for fd in listeners:
            arguments += ["--fd", str(fd)]
        for use, fd in internal.items():
            arguments += ["--internal-fd", f"{use}={fd}"]
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603
                    [*command, *arguments],
                    pass_fds=fds,
                    env=dict(environ),
                    stdin=subprocess.DEVNULL,
                    # Ctrl-C is for the parent, which knows how to stop without losing requests.
                    process_group=0,
                )
        except OSError:
            self._control.close()
            raise

    def fork(self, listeners: Sequence[int]) -> Child:
        """A worker on these listening sockets. OSError if the process is no more."""
        pipe, theirs = os.pipe()
        try:
            socket.send_fds(self._control, [json.dumps(list(listeners)).encode()], [theirs])
        except OSError:
            os.close(pipe)
            raise
        finally:
            os.close(theirs)
        return Child(pipe, self.kill)

    def close(self) -> None:
        """Ask no more of it: it ends when it has done what it was asked."""
        self._control.close()

    def kill(self) -> None:
        """End it, and with it the wait for workers that it has not forked yet."""
        self._process.kill()


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker is born with: descriptors of its sockets, and of the pipe for its reports."""

    listeners: Sequence[int]
    report: int


def fork_workers(control: int, listeners: Sequence[int]) -> Place:
    """Fork a worker whenever the parent asks; in each worker this returns, here it never does.

    ``control``: the descriptor that :class:`Loader` hands over; ``listeners``: those of all
    sockets, of which a worker keeps its own.
    """
    # What the collector never looks at, it does not write to: the memory stays shared.
    gc.freeze()
    with socket.socket(fileno=control) as channel:
        while (found := _next(channel)) is not None:
            orphaned, still_ours = os.pipe()
            if (between := os.fork()) == 0:
                if os.fork():
                    os._exit(0)
                break
            # Once the process between has been waited for, its child is the parent's of all.
            os.waitpid(between, 0)
            for fd in (orphaned, still_ours, found.report):
                os.close(fd)
        else:
            sys.exit(0)
    os.close(still_ours)
    os.read(orphaned, 1)
    os.close(orphaned)
    os.setpgid(0, 0)
    reports.send_born(found.report)
    for fd in set(listeners) - set(found.listeners):
        os.close(fd)
    return found


def refuse_workers(control: int, failure: Failure) -> NoReturn:
    """Tell whoever asks for a worker why there is none, and end."""
    with socket.socket(fileno=control) as channel:
        while (found := _next(channel)) is not None:
            reports.send_failure(found.report, failure)
    sys.exit(failure.code)


def _next(channel: socket.socket) -> Place | None:
    """What the parent asks for; None if it has closed its end."""
    message, fds, _, _ = socket.recv_fds(channel, _LONGEST, 1)
    return Place(json.loads(message), fds[0]) if fds else None
