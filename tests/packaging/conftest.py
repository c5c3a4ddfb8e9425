"""The archives, built once for all processes of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import process

ROOT = Path(__file__).parents[2]


def plain_environment() -> dict[str, str]:
    """Without what would let this checkout, or its measuring of coverage, leak in."""
    hidden = ("PYTHON", "COV_", "COVERAGE_", "OS_", "IMAGESTORE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive, and the wheel that was built from it.

    In this environment: the build in one of its own is what installed the checkout.
    """
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "dist"
    with process.locked(directory / "lock"):
        if not list(directory.glob("*.whl")):
            subprocess.run(
                [sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, ROOT],
                check=True,
                capture_output=True,
                env=plain_environment(),
            )
    (source,) = directory.glob("*.tar.gz")
    (wheel,) = directory.glob("*.whl")
    return source, wheel
