"""A short run of schemathesis; ``make schemathesis`` has the long one."""

from __future__ import annotations

from pathlib import Path

from tests.openapi.fuzz import fuzz


def test_whatever_is_asked_the_answer_is_described(tmp_path: Path) -> None:
    outcome = fuzz(tmp_path, seconds=10)
    assert outcome.faultless, outcome.report
    assert not outcome.server_errors, outcome.statuses
    assert {200, 201, 204, 400, 404, 405} <= outcome.statuses.keys()
