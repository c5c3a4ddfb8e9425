"""The table that ends a run of the drivers' contract: what every driver has passed."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

_MARKS = {"passed": "", "failed": "!", "error": "!", "skipped": "-"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a row for each test and a column for each driver: cases passed, ``!`` the others."""
    table: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            if (
                isinstance(report, pytest.TestReport)
                and ("contract", True) in report.user_properties
            ):
                path, _, rest = report.nodeid.partition("::")
                test = rest.rpartition("::")[2].partition("[")[0]
                table[test.removeprefix("test_")][path.split("/")[2]][outcome] += 1
    if not table:
        return
    drivers = sorted({driver for cells in table.values() for driver in cells})
    terminalreporter.section("the drivers' contract: cases that hold (! that do not, - left out)")
    wide = max(map(len, table))
    terminalreporter.write_line(" " * wide + "".join(f"{driver:>10}" for driver in drivers))
    for test, cells in table.items():
        line = "".join(f"{_cell(cells[driver]):>10}" for driver in drivers)
        terminalreporter.write_line(f"{test:<{wide}}{line}")


def _cell(outcomes: Counter[str]) -> str:
    return " ".join(f"{count}{_MARKS[outcome]}" for outcome, count in outcomes.items())
