"""What a worker tells its parent through a pipe: who it is; that it is ready, or why not."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass

READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a worker could not start, in one line, and the exit code that fits."""

    message: str
    code: int


def send_born(pipe: int) -> None:
    """Called by the worker before anything else: its process id."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, b"%d\n" % os.getpid())


def send_ready(pipe: int) -> None:
    """Called by the worker once it accepts connections. Closes the pipe."""
    _send(pipe, READY)


def send_failure(pipe: int, failure: Failure) -> None:
    """Called by the worker that cannot start. Closes the pipe."""
    _send(pipe, json.dumps([failure.message, failure.code]).encode() + b"\n")


def born(said: bytes) -> tuple[int | None, bytes]:
    """The process id of who said this, if that came already, and what follows it."""
    first, _, rest = said.partition(b"\n")
    return (int(first), rest) if first.isdigit() else (None, said)


def parse(line: bytes) -> Failure | None:
    """What arrived, when it is complete; None for ready."""
    if line == READY:
        return None
    try:
        message, code = json.loads(line)
    except ValueError:
        return Failure("A worker process ended while it started; its last words are above.", 1)
    return Failure(message, code)


def _send(pipe: int, line: bytes) -> None:
    try:
        os.write(pipe, line)
    except BrokenPipeError:
        # The parent is gone, and with it everyone who would want to know.
        pass
    finally:
        os.close(pipe)
