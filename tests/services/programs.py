"""``openstack``, ``glance`` and ``imagestore``, each forked from a process that has them loaded.

To load them (:mod:`tests.services.loaded`) takes two seconds of a processor, and the tests type
hundreds of commands. What runs is the same: the program's own ``main``, with arguments,
environment and standard files of its own.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.measuring import unmeasured
from tests.services import forks

BIN = Path(sys.executable).parent
MODULES = {
    "openstack": "openstackclient.shell",
    "glance": "glanceclient.shell",
    "imagestore": "imagestore.cli.main",
}
forks.preload("tests.services.loaded", __name__)


def run(
    command: Sequence[str | Path],
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """As :func:`subprocess.run`, its output captured, for a command of ``BIN``.

    A command of ``imagestore`` is run so; a service is a process from its beginning.
    """
    program = Path(command[0])
    assert program.parent == BIN, f"{program} is not of this environment"
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if stdin == subprocess.DEVNULL:
            source = os.devnull
        else:
            source = _path(stdin if isinstance(stdin, int) else stdin.fileno())
        files = (source, _path(out.fileno()), _path(err.fileno()))
        environment = dict(env or unmeasured())
        process = forks.context.Process(target=_become, args=(words, files, environment))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, timeout)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, process.exitcode, out.read(), err.read())


def _path(file: int) -> str:
    """By which another process opens what we have open."""
    return f"/proc/{os.getpid()}/fd/{file}"


def _become(words: list[str], files: tuple[str, str, str], environment: dict[str, str]) -> None:
    for number, path in enumerate(files):
        opened = os.open(path, (os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY) | os.O_NOCTTY)
        os.dup2(opened, number)
        os.close(opened)
    # What it has of its parent is not as a new process has it.
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    sys.path[:] = importlib.import_module("tests.services.loaded").PATH
    program = Path(words[0]).name
    sys.modules["cliff.app"].App.NAME = program
    try:
        sys.exit(importlib.import_module(MODULES[program]).main())
    finally:
        with suppress(OSError):
            sys.stdout.flush()
