"""What a test needs beyond this process, found in what its module and its fixtures use; its turn.

Nobody has to remember the marks. ``make quick`` leaves out ``service``, ``slow`` and ``http``: it
asks every room by itself, and the gate.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest

T = TypeVar("T")

SERVICES = "tests.services."
NOT_REAL = frozenset(
    {"certificate", "databases", "faultproxy", "process", "programs", "shared", "watcher"}
)
"""Modules below ``tests.services`` that start no program of others: by them nothing is marked."""
PROCESSES = frozenset({"tests.openapi.fuzz", "tests.served", "tests.workers.nodes"})
"""Modules that start the service in processes of its own, which takes seconds."""
SERVERS = frozenset({"mariadb", "postgresql"})
"""Fixtures, and parameters of tests, that mean a database on a server."""
HTTP = "tests/service/"
"""Where a test has a service of its own, and asks it as clients do."""
SLOW = frozenset({"test_huge", "test_large"})
"""Of the drivers' contract, which others run too: it need not know our marks."""

MARKERS = (
    "service: needs a real program of others (Glance, Keystone, Ceph, MariaDB …); found by itself",
    "slow: takes more than a second though it needs none; by hand, or as it starts processes",
    "http: asks a whole service by HTTP, which takes a tenth of a second; all of tests/service",
    "every_database: asked on SQLite, MariaDB and PostgreSQL, not on SQLite alone",
)


LONG = frozenset(
    {"conformance", "crash", "e2e", "nodes", "packaging", "sites", "soak", "supervisor"}
)
"""Directories whose tests take long."""


def ordered(items: Sequence[T], workers: int, file: Callable[[T], Path]) -> list[T]:
    """Each worker begins with its share of the long ones, so that none is left alone at the end.

    pytest-xdist deals an equal number of consecutive tests to each, and those that are done
    take over what the others have last. The tests of a file stay together.
    """
    shares: list[list[T]] = [[] for _ in range(workers)]
    rest: list[T] = []
    files = 0
    for path, tests in itertools.groupby(items, file):
        if path.parent.name in LONG:
            shares[files % workers] += tests
            files += 1
        else:
            rest += tests
    dealt: list[T] = []
    for number, share in enumerate(shares):
        size = (len(items) - len(dealt)) // (workers - number)
        room = max(0, size - len(share))
        dealt += share + rest[:room]
        del rest[:room]
    return dealt + rest


def mark(item: pytest.Item) -> None:
    """Add the markers that the item has by what it uses."""
    mark = "service" if _servers(item) else _mark_by(frozenset(_modules(item)))
    if mark != "service" and getattr(item, "originalname", None) in SLOW:
        mark = "slow"
    if mark:
        item.add_marker(mark)
    if item.nodeid.startswith(HTTP):
        item.add_marker("http")


def _is_service(name: str) -> bool:
    return name.startswith(SERVICES) and name.removeprefix(SERVICES) not in NOT_REAL


def _servers(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec else ()
    asked = {str(value).partition(",")[0] for value in values}  # "mariadb, without statistics"
    words = asked | set(getattr(item, "fixturenames", ()))
    return any(word.partition(" ")[0] in SERVERS for word in words)


def _modules(item: pytest.Item) -> Iterator[str]:
    """Names of the item's own module, and of those of its fixtures."""
    if own := getattr(item, "module", None):
        yield own.__name__
    info = getattr(item, "_fixtureinfo", None)
    for definitions in info.name2fixturedefs.values() if info else ():
        yield definitions[-1].func.__module__


@functools.cache
def _mark_by(modules: frozenset[str]) -> str | None:
    """By what these have in their hands. The tests of a file share a few such sets."""
    used = modules.union(*(_in_hand(sys.modules[name]) for name in modules))
    if any(_is_service(name) for name in used):
        return "service"
    return "slow" if used & PROCESSES else None


@functools.cache
def _in_hand(module: ModuleType) -> frozenset[str]:
    return frozenset(
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
        if isinstance(value, ModuleType) or callable(value)
    ) - {None}
