"""A server process of a test: started in its own session, waited for, ended by its pid.

Whatever a run starts ends with the run at the latest, see :mod:`tests.services.watcher`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.error import URLError

from tests.services import watcher

CHECKOUT = Path(__file__).resolve().parents[2]
KEPT = CHECKOUT / ".services"
"""What is kept between runs: virtual environments, state files. Ignored by git."""
PATIENCE = 180.0
"""Seconds that a start may take: a machine with ten times as much to do as it can is not a fault.

Only what neither answers nor ends takes as long; who has ended is not waited for.
"""


class StartError(RuntimeError):
    """The service did not come up; the message ends with the tail of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock among processes; ``path`` is made if absent and stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def watched() -> Path:
    """See that all that is started from now on ends when this process does; a directory for it.

    The processes that this one starts belong to the same run.
    """
    if directory := os.environ.get(watcher.VARIABLE):
        return Path(directory)
    made = Path(tempfile.mkdtemp(prefix="imagestore-run-"))
    # -I, -S: it starts in milliseconds. A session of its own, which Ctrl-C does not reach.
    command = [sys.executable, "-I", "-S", watcher.__file__, str(os.getpid()), str(made)]
    _watchers[made] = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    os.environ[watcher.VARIABLE] = str(made)
    return made


def unwatched() -> None:
    """What :func:`watched` watches outlives this process after all."""
    directory = Path(os.environ.pop(watcher.VARIABLE))
    watching = _watchers.pop(directory)
    watching.kill()
    watching.wait()
    shutil.rmtree(directory)


_watchers: dict[Path, subprocess.Popen[bytes]] = {}


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, both outputs appended to ``log``."""
    run = watched()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        started = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    with contextlib.suppress(OSError):  # it may have ended
        (run / str(started.pid)).write_text(watcher.stat(started.pid)[watcher.STARTED])
    return started


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path,
    seconds: float = PATIENCE,
) -> None:
    """Return once ``ready()``; raise :class:`StartError` if the process ends or time is up."""
    end = time.monotonic() + seconds
    while not ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > end:
            stop(process.pid)
            tail = log.read_text(errors="replace")[-3000:] if log.exists() else ""
            why = f"ended with {process.returncode}" if ended else f"took over {seconds:.0f} s"
            raise StartError(f"{process.args!r} {why}; its log ends with:\n{tail}")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a GET of ``url`` ends with a success."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return bool(response.status < 400)
    except (URLError, OSError):
        return False


def stop(pid: int, seconds: float = 15) -> None:
    """End the session that :func:`spawn` made: first politely, then its whole group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    if run := os.environ.get(watcher.VARIABLE):
        (Path(run) / str(pid)).unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not, and one of our own is reaped."""
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        return watcher.stat(pid)[0] != "Z"
    except OSError:
        return False
