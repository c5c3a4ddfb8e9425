"""Where coverage is measured: in every test but those of a database that is asked from greenlets.

A tracer that follows greenlets makes the suite a third slower; one that does not mistakes the
lines of one function for another's. So neither: what runs on the other databases ran on SQLite
before. What is theirs alone counts as not covered, though it is tested.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import coverage
import pytest

FROM_GREENLETS = frozenset({"mariadb", "pooled", "postgresql"})
"""First words of the parameters, and names of the fixtures, of such tests."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    measuring = coverage.Coverage.current() if asks_from_greenlets(item) else None
    if measuring is None:
        return (yield)
    measuring.stop()
    # Processes that the test starts find out from these that they are measured.
    names = [name for name in os.environ if name.startswith("COVERAGE_PROCESS_")]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        return (yield)
    finally:
        os.environ.update(hidden)
        measuring.start()


def unmeasured() -> dict[str, str]:
    """An environment for programs that are not ours, where a tracer only takes time."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COVERAGE_PROCESS_")
    }


def asks_from_greenlets(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params.values() if callspec else ()
    words = {each.partition(" ")[0] for each in parameters if isinstance(each, str)}
    return not FROM_GREENLETS.isdisjoint(words | set(getattr(item, "fixturenames", ())))
