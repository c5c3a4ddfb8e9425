"""A driver from elsewhere is installed, found, keeps the contract, and serves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which the package, and nothing else, was installed."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target]
    subprocess.run([*pip, PACKAGE], check=True, capture_output=True)
    assert (target / "imagestore_sqlite" / "store.py").exists()
    return target


def run(installed: Path, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """A Python that finds the package; the tests' own workers do not reach into it."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environ | {"PYTHONPATH": str(installed), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_keeps_the_contract(installed: Path) -> None:
    command: list[str | Path] = ["pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = run(installed, [*command, "-c", ROOT / "pyproject.toml", PACKAGE / "suite.py"])
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 50
    assert "skipped" not in done.stdout


def test_it_is_a_type_of_store_like_any_other(installed: Path, tmp_path: Path) -> None:
    config = tmp_path / "imagestore.conf"
    config.write_text(
        "[DEFAULT]\nenabled_backends = small:sqlite, files:file\n"
        "[glance_store]\ndefault_backend = small\n"
        f"[small]\nsqlite_store_path = {tmp_path}/objects\n"
        f"[files]\nfilesystem_store_datadir = {tmp_path}/files\n"
    )
    given = ["--config-file", config, "--data-dir", tmp_path]
    done = run(installed, ["imagestore", "config", "check", *given])
    assert done.stdout == "The configuration can be used.\n", done.stderr
    done = run(installed, ["imagestore", "store", "check", *given])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("good") == 2

    config.write_text(config.read_text().replace(f"{tmp_path}/objects", "/none/objects"))
    done = run(installed, ["imagestore", "store", "check", "small", *given])
    assert done.returncode == 1
    assert "connect: sqlite_store_path" in done.stdout


def test_without_the_package_its_type_is_unknown(tmp_path: Path) -> None:
    config = tmp_path / "imagestore.conf"
    config.write_text("[DEFAULT]\nenabled_backends = small:sqlite\n")
    done = run(tmp_path, ["imagestore", "config", "check", "--config-file", config])
    assert done.returncode == 78
    assert "'sqlite'" in done.stderr
