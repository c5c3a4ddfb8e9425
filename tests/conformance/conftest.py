"""The two servers side by side, and the summary of what was compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import served
from tests.conformance.servers import OPTIONS
from tests.services import glance as glance_service
from tests.services.shared import shared

SUMMARY = "conformance"


@pytest.fixture(scope="session")
def glance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real Glance, one for all workers of the run."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    def start(directory: Path) -> glance_service.Glance:
        return glance_service.start(directory, options=OPTIONS)

    with shared(place / "glance", start) as url:
        yield url


@pytest.fixture(scope="session")
def imagestore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served imagestore that trusts identity headers."""
    lines = []
    for section, values in OPTIONS.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items())]
    lines += ["[DEFAULT]", "enable_v1_api = false"]  # Glance 33 has none
    directory = tmp_path_factory.mktemp("imagestore")
    with served.serve(directory, options="\n".join(lines) + "\n") as service:
        yield service.url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each comparison counted, also when workers made it."""
    told = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in getattr(report, "user_properties", [])
        if name == SUMMARY
    ]
    if told:
        terminalreporter.section("conformance: Glance 33 and imagestore")
        for line in sorted(told):
            terminalreporter.write_line(str(line))
