"""CPU time and memory of a running server, all its processes together, read from /proc."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ProcessTree:
    """A process and all its descendants, found anew at every look."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu(self) -> float:
        """Seconds of CPU used so far, user and system, with children that ended already."""
        return sum(_cpu(pid) for pid in self.pids())

    def cpu_by_work(self) -> dict[str, float]:
        """Seconds of CPU by the work that a thread does: ``loop``, ``digests``, ``other``.

        The threads that compute digests tell themselves by their niceness, the event loop
        by being the first of its process. What threads used that have ended is missing.
        """
        found = {"loop": 0.0, "digests": 0.0, "other": 0.0}
        own = os.getpriority(os.PRIO_PROCESS, self.pid)
        for pid in self.pids():
            for thread, nice, used in _threads(pid):
                work = "digests" if nice > own else "loop" if thread == pid else "other"
                found[work] += used
        return found

    def rss(self) -> int:
        """Resident bytes; a page shared by two processes counts twice."""
        return sum(_rss(pid) for pid in self.pids())

    def pss(self) -> int:
        """Bytes of memory; a page that ``n`` processes of the machine share counts as its n-th."""
        return sum(_pss(pid) for pid in self.pids())

    def pids(self) -> Iterator[int]:
        """The process itself first, then those below it."""
        found = [self.pid]
        while found:
            pid = found.pop()
            yield pid
            found.extend(_children(pid))


class Strangers:
    """How much of the machine others took since this was made, next to our own processes."""

    def __init__(self) -> None:
        self._own = ProcessTree(os.getpid())
        self._since = time.monotonic()
        self._before = _busy() - self._own.cpu()

    def cores(self) -> float:
        """Cores that others were busy with on average. Work of the kernel's threads counts."""
        others = _busy() - self._own.cpu() - self._before
        return max(0.0, others / (time.monotonic() - self._since))


class MemoryWatch:
    """Samples the resident memory of a tree while the ``with`` block runs."""

    def __init__(self, tree: ProcessTree, interval: float = 0.05) -> None:
        self._tree = tree
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before = 0
        """Bytes when the block began."""
        self.peak = 0
        """The largest sample, in bytes."""

    def __enter__(self) -> Self:
        self.before = self.peak = self._tree.rss()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        """Bytes by which the peak lies above the start."""
        return self.peak - self.before

    def _watch(self) -> None:
        while not self._ended.wait(self._interval):
            self.peak = max(self.peak, self._tree.rss())


def _busy() -> float:
    """Seconds of CPU that all processes of the machine have used, without interrupts."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split(maxsplit=4)[1:4])
    return (user + nice + system) / _TICKS


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS  # utime, stime, cutime, cstime


def _threads(pid: int) -> Iterator[tuple[int, int, float]]:
    """Number, niceness and seconds of CPU of each thread of a process."""
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            fields = (thread / "stat").read_text().rpartition(")")[2].split()
            yield int(thread.name), int(fields[16]), sum(map(int, fields[11:13])) / _TICKS
    except (FileNotFoundError, ProcessLookupError):
        return


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
