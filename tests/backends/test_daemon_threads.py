"""Threads for calls that may never return."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import Future, wait

import pytest

from imagestore.backends.daemon_threads import DaemonThreads


def test_results_and_errors() -> None:
    threads = DaemonThreads(2, "test")
    assert threads.submit(pow, 2, 10).result(10) == 1024
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(10)
    threads.shutdown()


def test_as_many_calls_at_a_time_as_there_are_threads() -> None:
    threads = DaemonThreads(4, "test")
    together = threading.Barrier(4)
    futures = [threads.submit(together.wait, 10) for _ in range(12)]
    wait(futures, 20)
    assert sorted(future.result() for future in futures) == sorted([*range(4)] * 3)
    threads.shutdown()


def test_no_more_than_that() -> None:
    threads = DaemonThreads(2, "test")
    go = threading.Event()
    running: list[int] = []

    def call() -> None:
        running.append(threading.get_ident())
        go.wait(10)

    futures = [threads.submit(call) for _ in range(6)]
    time.sleep(0.1)
    assert len(running) == 2
    go.set()
    wait(futures, 10)
    assert len(set(running)) == 2
    threads.shutdown()


def test_what_waits_can_be_cancelled() -> None:
    threads = DaemonThreads(1, "test")
    go = threading.Event()
    first = threads.submit(go.wait, 10)
    second: Future[None] = threads.submit(pytest.fail, "called although it was cancelled")
    assert second.cancel()
    go.set()
    assert first.result(10)
    assert threads.submit(pow, 3, 2).result(10) == 9
    threads.shutdown()


def _named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_shutdown_lets_threads_go_and_still_does_what_comes() -> None:
    threads = DaemonThreads(3, "let-go")
    go = threading.Event()
    busy = threads.submit(go.wait, 10)
    assert threads.submit(pow, 2, 2).result(10) == 4
    threads.shutdown()
    assert threads.submit(pow, 2, 3).result(10) == 8
    go.set()
    assert busy.result(10)
    end = time.monotonic() + 10
    while _named("let-go") and time.monotonic() < end:
        time.sleep(0.01)
    assert not _named("let-go")


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    program = (
        "import threading\n"
        "from imagestore.backends.daemon_threads import DaemonThreads\n"
        "threads = DaemonThreads(1, 'hung')\n"
        "begun = threading.Event()\n"
        "threads.submit(lambda: (begun.set(), threading.Event().wait()))\n"
        "assert begun.wait(10)\n"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
