"""imagestore answers as the real Glance does, but for the listed differences.

``IMAGESTORE_TEST_GLANCE=recorded`` compares with the recording alone, which is quicker.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.conformance import differences, runner, table
from tests.conformance.compare import deltas, explain
from tests.conformance.conftest import SUMMARY
from tests.conformance.record import recorded

LIVE = os.environ.get("IMAGESTORE_TEST_GLANCE", "live") != "recorded"


@pytest.mark.service  # of the real Glance, unless a recording is to do
@pytest.mark.parametrize("group", table.GROUPS)
def test_group(
    group: str,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    def served(name: str) -> str:
        url: str = request.getfixturevalue(f"equipped_{name}" if group in table.EQUIPPED else name)
        return url

    theirs = recorded(group)
    problems = []
    if LIVE:
        live = runner.run(served("glance"), "token", table.scenes(group))
        drift = [str(delta).replace(", ours ", ", live ") for delta in deltas(theirs, live)]
        problems += [f"the recording is not what Glance says: {text}" for text in drift]

    ours = runner.run(served("imagestore"), "headers", table.scenes(group))
    found = list(deltas(theirs, ours))
    left, stale = explain(found, differences.concerning(group))
    problems += [f"not listed: {delta}" for delta in left]
    problems += [f"listed, but there is none: {case} {entry}" for case, entry in stale]

    asked = sum(len(records) for records in ours.values())
    meant = len(found) - len(left)
    text = f"{group:12} {len(ours):4} cases, {asked:4} requests, {meant:3} differences listed"
    record_property(SUMMARY, f"{text}, {len(left)} not")
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


def test_names_are_unique() -> None:
    names = table.names()
    assert len(set(names)) == len(names)
    assert len(names) >= 400


def test_every_case_is_named_after_its_group() -> None:
    for group in table.GROUPS:
        for scene in table.scenes(group):
            assert all(case.name.startswith(f"{group}/") for case in scene.cases)


def test_every_difference_concerns_a_group() -> None:
    listed = {case for entry in differences.DIFFERENCES for case in entry.cases}
    assert {case.partition("/")[0] for case in listed} <= set(table.GROUPS)
