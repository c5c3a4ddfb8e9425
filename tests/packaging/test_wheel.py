"""What is published: the source archive, and the wheel built from it, which serves by itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

import imagestore
from tests.packaging.conftest import ROOT, plain_environment
from tests.services import process as processes

pytestmark = pytest.mark.slow

PATIENCE = processes.PATIENCE
HOW = ("--no-deps", "--no-build-isolation", "--quiet")


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


@pytest.mark.parametrize("source", [str(ROOT), f"git+file://{ROOT}"], ids=["checkout", "git"])
def test_every_way_to_install_it_brings_the_same(
    source: str, archives: tuple[Path, Path], tmp_path: Path
) -> None:
    """Not by the source archive, as a link in the checkout once brought files in twice."""
    pip = [sys.executable, "-m", "pip"]
    environ = plain_environment()
    subprocess.run(
        [*pip, "wheel", *HOW, "--wheel-dir", tmp_path, source],
        check=True, capture_output=True, env=environ,
    )  # fmt: skip
    (built,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(built).namelist())
    if source == str(ROOT):  # the other has what is committed
        assert names == set(zipfile.ZipFile(archives[1]).namelist())
    subprocess.run(
        [*pip, "install", *HOW, "--no-compile", "--target", tmp_path / "installed", source],
        check=True, capture_output=True, env=environ,
    )  # fmt: skip
    for name in names:
        assert ".dist-info/" in name or (tmp_path / "installed" / name).is_file()
    assert {"imagestore/backends/base.py", "imagestore/conf/metadefs/watchdog.json"} <= names


def test_an_editable_installation_is_the_checkout(tmp_path: Path) -> None:
    python = tmp_path / "venv/bin/python"
    for arguments in (
        ["venv", "--without-pip", tmp_path / "venv"],
        ["pip", "--python", python, "install", "--no-deps", "--quiet", "--editable", ROOT],
    ):
        subprocess.run(
            [sys.executable, "-m", *arguments],
            check=True, capture_output=True, env=plain_environment(),
        )  # fmt: skip
    code = "import imagestore.backends.base as b, imagestore as i; print(i.__file__, b.__file__)"
    told = subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path,
        env=plain_environment(),
    )  # fmt: skip
    package = ROOT / "imagestore"
    assert told.stdout.split() == [f"{package}/__init__.py", f"{package}/backends/base.py"]


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
    command = [venv / "bin/imagestore", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environ)
    assert told.stdout == f"{imagestore.__version__}\n"
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
