"""Ends whatever a run of tests or a benchmark has started, as soon as the run itself is gone.

``python watcher.py PID DIRECTORY``, started by :mod:`tests.services.process`. However the process
PID ends (done, Ctrl-C, SIGTERM, ``kill -9``), every process is killed that

- has :data:`VARIABLE` = DIRECTORY in its environment: the run hands it on to all that it starts,
- or is in a session whose leader DIRECTORY names: a file, its name the leader's number and its
  content when that started. Some servers overwrite their environment with a title (gunicorn,
  nginx), so the environment alone does not find them.

Then DIRECTORY is removed.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

VARIABLE = "IMAGESTORE_TEST_RUN"


def main(pid: int, directory: Path) -> None:
    try:
        running = os.pidfd_open(pid)
    except ProcessLookupError:
        pass
    else:
        # The number may be another process's by now: then this one has another parent.
        if os.getppid() == pid:
            select.select([running], [], [])
    left = True
    while left:  # what was about to start another process has done so by the second look
        left = [each for each in _pids() if _belongs(each, directory)]
        for each in left:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        time.sleep(0.05)
    shutil.rmtree(directory, ignore_errors=True)


def _pids() -> list[int]:
    own = os.getpid()
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if int(path.name) != own]


def _belongs(pid: int, directory: Path) -> bool:
    try:
        state, _, _, session, *_ = stat(pid)
        if state in "ZX":
            return False
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # ended, or somebody else's
        return False
    return f"{VARIABLE}={directory}".encode() in environment or _is_named(int(session), directory)


def _is_named(leader: int, directory: Path) -> bool:
    try:
        started = (directory / str(leader)).read_text()
    except OSError:
        return False
    try:
        return stat(leader)[STARTED] == started
    except OSError:  # it has ended; nobody gets its number while others are in its session
        return True


def stat(pid: int) -> list[str]:
    """State, parent, group, session and so on of a process: proc(5), from the third field on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


STARTED = 19
"""Where :func:`stat` has the time at which the process started."""


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
