"""One worker process as its parent sees it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping

from imagestore.supervisor import reports
from imagestore.supervisor.reports import Failure


class Child:
    """A process that was asked for, and reports through a pipe: its id, then how it starts."""

    def __init__(self, pipe: int, prevent: Callable[[], None]) -> None:
        """``pipe``: the descriptor of its end for reading. ``prevent``: ends who is to fork it."""
        self.started = time.monotonic()
        self.pid: int | None = None
        """None until it has told."""
        self.ready = False
        self.failure: Failure | None = None
        self.pipe = pipe
        os.set_blocking(pipe, False)
        self._prevent = prevent
        self._buffer = b""
        self._code: int | None = None
        self._wanted: signal.Signals | None = None

    @property
    def age(self) -> float:
        """Seconds since it was asked for."""
        return time.monotonic() - self.started

    def hear(self) -> bool:
        """Read from the pipe; whether all that will ever come has come.

        Afterwards ``ready`` or ``failure`` says what it was.
        """
        while True:
            try:
                data = os.read(self.pipe, 4096)
            except BlockingIOError:
                self._hear_id()
                return False
            if not data:
                break
            self._buffer += data
        self.failure = reports.parse(self._hear_id())
        self.ready = self.failure is None
        if self.failure is not None and self.pid is None:
            self._code = self.failure.code
        return True

    def _hear_id(self) -> bytes:
        """Take in the process id; what follows it."""
        known = self.pid
        self.pid, rest = reports.born(self._buffer)
        if known is None and self._wanted is not None:
            self._send(self._wanted)
        return rest

    def take(self, codes: Mapping[int, int]) -> None:
        """Find out whether it has ended: exit codes of all that have, by process id."""
        if self.pid is not None and self.pid in codes:
            self._code = codes[self.pid]

    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._code

    def terminate(self) -> None:
        """Ask it to stop accepting, finish what is under way, and end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def close(self) -> None:
        """Give up the pipe; to be called once it has ended."""
        os.close(self.pipe)

    def _send(self, number: signal.Signals) -> None:
        self._wanted = number
        if self._code is not None:
            return
        if self.pid is None:
            # Not born yet, and not to be; if it is just being born, it gets it then.
            self._prevent()
        else:
            os.kill(self.pid, number)
