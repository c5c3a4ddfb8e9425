"""Signals as bytes on a pipe, to be waited for beside everything else."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

_CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@contextlib.contextmanager
def as_bytes() -> Iterator[int]:
    """Within the block signals do nothing but write their number to the pipe that it gets."""
    ours, theirs = os.pipe()
    for end in (ours, theirs):
        os.set_blocking(end, False)
    former = {number: signal.signal(number, _noted) for number in _CAUGHT}
    wakeup = signal.set_wakeup_fd(theirs)
    try:
        yield ours
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(ours)
        os.close(theirs)


def _noted(number: int, frame: FrameType | None) -> None:
    """The handler of all of them: it is the byte in the pipe that counts."""
