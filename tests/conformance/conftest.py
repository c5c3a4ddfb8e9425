"""The two servers side by side, and the summary of what was compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import served
from tests.conformance.servers import OPTIONS, equipped, start_equipped_glance, written
from tests.services import glance as glance_service
from tests.services.shared import shared

SUMMARY = "conformance"
OURS = "[DEFAULT]\nenable_v1_api = false\n"
"""Glance 33 has no API v1."""


@pytest.fixture(scope="session")
def glance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real Glance, one for all workers of the run."""

    def start(directory: Path) -> glance_service.Glance:
        return glance_service.start(directory, options=OPTIONS)

    with shared(_place(tmp_path_factory) / "glance", start) as url:
        yield url


@pytest.fixture(scope="session")
def equipped_glance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same with a cache and a store for http."""
    with shared(_place(tmp_path_factory) / "equipped-glance", start_equipped_glance) as url:
        yield url


@pytest.fixture(scope="session")
def imagestore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served imagestore that trusts identity headers."""
    directory = tmp_path_factory.mktemp("imagestore")
    with served.serve(directory, options=written(OPTIONS) + OURS) as service:
        yield service.url


@pytest.fixture(scope="session")
def equipped_imagestore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same with a cache and a store for http."""
    directory = tmp_path_factory.mktemp("equipped-imagestore")
    flavor = "trusted-headers+cachemanagement"
    options = {**equipped(directory / "cache", flavor)}
    del options["paste_deploy"]
    with served.serve(directory, flavor=flavor, options=written(options) + OURS) as service:
        yield service.url


def _place(factory: pytest.TempPathFactory) -> Path:
    place = factory.getbasetemp()
    return place.parent if "PYTEST_XDIST_WORKER" in os.environ else place


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
