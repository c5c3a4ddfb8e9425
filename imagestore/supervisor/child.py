"""One worker process as its parent sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from imagestore.supervisor import reports
from imagestore.supervisor.reports import Failure


class Child:
    """A process that was started on some listening sockets and reports through a pipe."""

    def __init__(
        self,
        command: Sequence[str],
        listeners: Sequence[int],
        environ: Mapping[str, str],
        metrics: int | None = None,
    ) -> None:
        """``listeners`` and ``metrics`` are the descriptors of listening sockets."""
        self.started = time.monotonic()
        self.ready = False
        self.failure: Failure | None = None
        self._buffer = b""
        self.pipe, theirs = os.pipe()
        os.set_blocking(self.pipe, False)
        arguments = ["--parent", str(os.getpid()), "--report-fd", str(theirs)]
        for fd in listeners:
            arguments += ["--fd", str(fd)]
        fds = [*listeners, theirs]
        if metrics is not None:
            fds.append(metrics)
            arguments += ["--metrics-fd", str(metrics)]
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [*command, *arguments],
                pass_fds=fds,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                # Ctrl-C is for the parent, which knows how to stop without losing requests.
                process_group=0,
            )
        finally:
            os.close(theirs)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def hear(self) -> bool:
        """Read from the pipe; whether all that will ever come has come.

        Afterwards ``ready`` or ``failure`` says what it was.
        """
        while True:
            try:
                data = os.read(self.pipe, 4096)
            except BlockingIOError:
                return False
            if not data:
                break
            self._buffer += data
        self.failure = reports.parse(self._buffer)
        self.ready = self.failure is None
        return True

    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to stop accepting, finish what is under way, and end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def close(self) -> None:
        """Give up the pipe; to be called once it has ended."""
        os.close(self.pipe)

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
