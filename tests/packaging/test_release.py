"""``make release``, in a clone: version, changelog, tag, archives; and nothing leaves it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, plain_environment
from tests.services import older

pytestmark = pytest.mark.slow


def git(where: Path, *words: str | Path) -> str:
    who = ["-c", "user.name=A Maintainer", "-c", "user.email=maintainer@example.org"]
    told = subprocess.run(
        ["git", *who, *words], cwd=where, check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


def test_archives_are_what_an_index_takes(archives: tuple[Path, Path]) -> None:
    check = [sys.executable, "-m", "twine", "check", "--strict", *archives]
    told = subprocess.run(check, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


def test_a_release(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--bare", "--no-tags", f"file://{ROOT}", origin)
    git(tmp_path, "clone", "--quiet", origin, clone)
    for name, value in (("name", "A Maintainer"), ("email", "maintainer@example.org")):
        git(clone, "config", f"user.{name}", value)
    (clone / ".ci/release.py").write_bytes((ROOT / ".ci/release.py").read_bytes())
    if git(clone, "status", "--porcelain"):
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--message", "As it is here")
    before = git(clone, "rev-parse", "HEAD")

    def release(version: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, ".ci/release.py", version]
        return subprocess.run(
            command, cwd=clone, capture_output=True, text=True, env=plain_environment()
        )

    refused = release("next")
    assert (refused.returncode, refused.stdout) == (1, "")
    (clone / "README.md").write_text("changed")
    assert "not committed" in release("9.9.9").stderr
    git(clone, "checkout", "--", "README.md")

    made = release("9.9.9")
    assert made.returncode == 0, made.stdout + made.stderr
    assert git(clone, "rev-parse", "v9.9.9^{commit}") == git(clone, "rev-parse", "HEAD") != before
    assert "### Added" in git(clone, "tag", "--list", "--format=%(contents)", "v9.9.9")
    assert older.newest_release(clone) != "v9.9.9"
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "And on")
    assert older.newest_release(clone) == "v9.9.9"
    git(clone, "reset", "--quiet", "--hard", "v9.9.9")
    assert "\n## Unreleased\n\n## 9.9.9 (2" in (clone / "CHANGELOG.md").read_text()
    names = zipfile.ZipFile(clone / "dist/imagestore-9.9.9-py3-none-any.whl").namelist()
    assert "imagestore/backends/base.py" in names
    assert (clone / "dist/imagestore-9.9.9.tar.gz").is_file()
    assert git(clone, "status", "--porcelain") == ""
    assert "9.9.9" not in git(origin, "tag")
    assert "already" in release("9.9.9").stderr
    assert "nothing that is unreleased" in release("9.9.10").stderr
    assert git(clone, "status", "--porcelain") == ""
