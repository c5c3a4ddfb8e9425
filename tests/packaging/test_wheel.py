"""What is published: the source archive, and the wheel built from it, which serves by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.services import process as processes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PATIENCE = processes.PATIENCE


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive, and the wheel that was built from it.

    In this environment: the build in one of its own is what installed the checkout.
    """
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, ROOT],
        check=True,
        capture_output=True,
        env=plain_environment(),
    )
    (source,) = directory.glob("*.tar.gz")
    (wheel,) = directory.glob("*.whl")
    return source, wheel


def plain_environment() -> dict[str, str]:
    """Without what would let this checkout, or its measuring of coverage, leak in."""
    hidden = ("PYTHON", "COV_", "COVERAGE_", "OS_", "IMAGESTORE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


def test_it_claims_one_name_and_holds_everything(archives: tuple[Path, Path]) -> None:
    source, wheel = archives
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"imagestore"}

    tracked = subprocess.run(
        ["git", "ls-files", "backends", "imagestore", "conf/metadefs"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    for name in tracked:
        if name != "imagestore/backends":  # the link to the directory
            assert re.sub("^(backends|conf)/", r"imagestore/\1/", name) in names
    with tarfile.open(source) as archive:
        assert any(name.endswith("/backends/base.py") for name in archive.getnames())


def test_it_serves_from_an_empty_environment(archives: tuple[Path, Path], tmp_path: Path) -> None:
    _, wheel = archives
    environ = plain_environment()
    venv = tmp_path / "venv"
    for arguments in (
        ["venv", "--without-pip", venv],
        ["pip", "--python", venv / "bin/python", "install", "--no-compile", "--quiet", wheel],
    ):
        subprocess.run(
            [sys.executable, "-m", *arguments], check=True, capture_output=True, env=environ
        )
    command = [
        venv / "bin/imagestore", "serve", "--port", "0", "--data-dir", tmp_path / "data",
    ]  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stderr=output, cwd=tmp_path, env=environ)
    try:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"serving (\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        with urllib.request.urlopen(found[1] + "/versions") as answer:
            assert b"v2.17" in answer.read()
        load = [venv / "bin/imagestore", "db", "load-metadefs", "--data-dir", tmp_path / "data"]
        loaded = subprocess.run(load, capture_output=True, text=True, cwd=tmp_path, env=environ)
        assert loaded.returncode == 0, loaded.stderr
        with urllib.request.urlopen(found[1] + "/v2/metadefs/namespaces") as answer:
            assert b"OS::Compute::Watchdog" in answer.read()
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
