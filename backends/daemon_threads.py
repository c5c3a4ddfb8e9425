"""An executor for calls that may never return."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThreads(Executor):
    """Runs calls on at most ``count`` daemon threads, started as they are needed.

    The end of the process does not wait for a call that hangs, as it would for one on
    the threads of :mod:`concurrent.futures`. ``shutdown`` never waits either: it lets the
    idle threads go, and those that work as soon as nothing is left to do. What is
    submitted later is still done, so that whatever was open can be closed.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._work: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._kept = True

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._changed:
            self._work.append(run)
            if self._idle >= len(self._work):
                self._changed.notify()
            elif self._threads < self._count:
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()
                self._threads += 1
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Keep no idle thread from now on. Neither waits nor cancels."""
        with self._changed:
            self._kept = False
            self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._work:
                    if not self._kept:
                        self._threads -= 1
                        return
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                run = self._work.popleft()
            run()
            del run  # and with it what the call referred to
