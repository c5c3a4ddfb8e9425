"""A driver from elsewhere is installed, found, keeps the contract, and serves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from imagestore.backends.base import INTERFACE_VERSION

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parent
FORGETFUL = """
import pytest
from imagestore.backends.testing.contract import StoreContract
from imagestore.backends.testing.memory import MemoryStore


class Forgetful(MemoryStore):
    async def add(self, image_id, blocks, size=None, *, owner=None):
        async def without_zeros():
            async for block in blocks:
                if any(block):
                    yield block

        return await super().add(image_id, without_zeros(), owner=owner)


class Service:
    def __init__(self, store):
        self.store = store


class TestContract(StoreContract):
    @pytest.fixture
    async def service(self):
        store = Forgetful("forgetful")
        await store.start()
        return Service(store)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which the package, and nothing else, was installed."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target]
    subprocess.run([*pip, PACKAGE], check=True, capture_output=True)
    assert (target / "imagestore_sqlite" / "store.py").exists()
    return target


def run(
    installed: Path, command: Sequence[str | Path], *, within: Path
) -> subprocess.CompletedProcess[str]:
    """A Python in a directory from which this repository is not seen, only what is installed."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=within,
        env=environ | {"PYTHONPATH": str(installed), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_keeps_the_contract(installed: Path, tmp_path: Path) -> None:
    shutil.copy(PACKAGE / "suite.py", tmp_path / "test_contract.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    done = run(installed, ["pytest", "-q", "-p", "no:xdist"], within=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 45
    assert "skipped" not in done.stdout


def test_the_suite_says_what_is_wrong(installed: Path, tmp_path: Path) -> None:
    """Its assertions show what they compared, also where it is installed."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    (tmp_path / "test_forgetful.py").write_text(FORGETFUL)
    done = run(installed, ["pytest", "-q", "-p", "no:xdist", "-k", "zeros"], within=tmp_path)
    assert done.returncode == 1
    assert "assert 1048576 == 3145734" in done.stdout, done.stdout


def test_a_driver_for_another_interface_is_refused(installed: Path, tmp_path: Path) -> None:
    target = shutil.copytree(installed, tmp_path / "other")
    module = target / "imagestore_sqlite" / "__init__.py"
    module.write_text(module.read_text().replace("interface=1", "interface=99"))
    config = tmp_path / "imagestore.conf"
    config.write_text(
        f"[DEFAULT]\nenabled_backends = small:sqlite\n[small]\nsqlite_store_path = {tmp_path}/o\n"
    )
    command: list[str | Path] = ["imagestore", "config", "check", "--config-file", config]
    done = run(target, command, within=tmp_path)
    assert done.returncode == 78
    assert "'sqlite' (imagestore_sqlite:driver) is for version 99 of the driver" in done.stderr
    assert f"this release of imagestore has version {INTERFACE_VERSION}" in done.stderr


@pytest.mark.parametrize(
    "fault", ["raise OSError('no library')", "driver = Driver('a', (), int, int)"]
)
def test_a_driver_that_cannot_be_loaded(installed: Path, tmp_path: Path, fault: str) -> None:
    target = shutil.copytree(installed, tmp_path / "broken")
    module = target / "imagestore_sqlite" / "__init__.py"
    module.write_text(f"from imagestore.backends.base import Driver\n{fault}\n")
    config = tmp_path / "imagestore.conf"
    config.write_text("[DEFAULT]\nenabled_backends = small:sqlite\n")
    command: list[str | Path] = ["imagestore", "config", "check", "--config-file", config]
    done = run(target, command, within=tmp_path)
    assert done.returncode == 78
    assert "driver for stores of type 'sqlite' cannot be loaded" in done.stderr


def test_it_is_a_type_of_store_like_any_other(installed: Path, tmp_path: Path) -> None:
    config = tmp_path / "imagestore.conf"
    config.write_text(
        "[DEFAULT]\nenabled_backends = small:sqlite, files:file\n"
        "[glance_store]\ndefault_backend = small\n"
        f"[small]\nsqlite_store_path = {tmp_path}/objects\n"
        f"[files]\nfilesystem_store_datadir = {tmp_path}/files\n"
    )
    given = ["--config-file", config, "--data-dir", tmp_path]
    done = run(installed, ["imagestore", "config", "check", *given], within=tmp_path)
    assert done.stdout.endswith("\nThe configuration can be used.\n"), done.stderr
    done = run(installed, ["imagestore", "store", "check", *given], within=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("good") == 2

    config.write_text(config.read_text().replace(f"{tmp_path}/objects", "/none/objects"))
    done = run(installed, ["imagestore", "store", "check", "small", *given], within=tmp_path)
    assert done.returncode == 1
    assert "connect: sqlite_store_path" in done.stdout


def test_without_the_package_its_type_is_unknown(tmp_path: Path) -> None:
    config = tmp_path / "imagestore.conf"
    config.write_text("[DEFAULT]\nenabled_backends = small:sqlite\n")
    command: list[str | Path] = ["imagestore", "config", "check", "--config-file", config]
    done = run(tmp_path, command, within=tmp_path)
    assert done.returncode == 78
    assert "'sqlite'" in done.stderr
