"""The system's rados and rbd in a virtual environment."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.services import link_ceph

SCRIPT = Path(link_ceph.__file__)
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def test_an_environment_sees_the_two_modules_and_no_others(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    python = tmp_path / "bin" / "python"
    before = subprocess.run([python, "-c", "import rados"], capture_output=True)
    assert before.returncode

    for _ in range(2):
        subprocess.run([python, SCRIPT], check=True)

    program = "import rados, rbd; print(rados.Rados, rbd.Image)"
    subprocess.run([python, "-c", program], check=True)
    assert (link_ceph.SYSTEM / "ceph_argparse.py").exists()
    others = subprocess.run([python, "-c", "import ceph_argparse"], capture_output=True)
    assert others.returncode


def test_it_follows_an_upgrade(tmp_path: Path) -> None:
    old, new, target = (tmp_path / name for name in ("old", "new", "target"))
    for directory in (old, new, target):
        directory.mkdir()
    for source in (old, new):
        for module in link_ceph.MODULES:
            (source / f"{module}{SUFFIX}").write_text(source.name)
        link_ceph.link(source, target, SUFFIX)
    assert {path.read_text() for path in target.iterdir()} == {"new"}


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ([], "install python3-rados"),
        (["rados.cpython-39-x86_64-linux-gnu.so"], "for another Python"),
        ([f"rados{SUFFIX}"], "install python3-rbd"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, there: list[str], message: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for directory in (source, target):
        directory.mkdir()
    for name in there:
        (source / name).touch()
    with pytest.raises(SystemExit, match=message):
        link_ceph.link(source, target, SUFFIX)
    assert not list(target.iterdir())


def test_only_into_a_virtual_environment() -> None:
    done = subprocess.run(
        [Path(sys.base_prefix) / "bin" / "python3", SCRIPT], capture_output=True, text=True
    )
    assert done.returncode
    assert "virtual environment" in done.stderr
