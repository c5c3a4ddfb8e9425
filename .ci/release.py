#!/usr/bin/env python3
"""Make a release of what is checked out: version, changelog, archives, commit, tag.

``make release VERSION=0.2.0``. Nothing is pushed or published: the last lines
say how. The archives are built and checked before anything is committed.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = ROOT / "imagestore/__init__.py"
CHANGELOG = ROOT / "CHANGELOG.md"


def run(*words: str | Path) -> str:
    return subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def write_version(version: str) -> None:
    text = VERSION.read_text()
    VERSION.write_text(re.sub('(?m)^__version__ = ".*"$', f'__version__ = "{version}"', text))


def close_changelog(version: str) -> str:
    """What is unreleased becomes this version, from today; the changes of it."""
    before, heading, rest = CHANGELOG.read_text().partition("\n## Unreleased\n")
    changes = rest.partition("\n## ")[0].strip()
    if not heading or not changes:
        sys.exit("CHANGELOG.md has nothing that is unreleased.")
    today = datetime.datetime.now(datetime.UTC).date()
    CHANGELOG.write_text(f"{before}{heading}\n## {version} ({today})\n{rest}")
    return changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="such as 0.2.0")
    version = parser.parse_args().version
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        sys.exit(f"{version!r} is no version such as 0.2.0 or 0.2.0rc1.")
    if run("git", "status", "--porcelain"):
        sys.exit("There are changes that are not committed.")
    if run("git", "tag", "--list", f"v{version}"):
        sys.exit(f"There is a tag v{version} already.")
    try:
        changes = close_changelog(version)
        write_version(version)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", ".")
        archives = sorted((ROOT / "dist").glob(f"imagestore-{version}[.-]*"))
        run(sys.executable, "-m", "twine", "check", "--strict", *archives)
        run("git", "commit", "--quiet", "--all", "--message", f"Release {version}")
        # Headings of Markdown begin as comments of git do.
        run("git", "tag", "--annotate", "--cleanup=whitespace", f"v{version}",
            "--message", f"imagestore {version}\n\n{changes}\n")  # fmt: skip
    except BaseException:
        run("git", "checkout", "--quiet", "HEAD", "--", VERSION, CHANGELOG)
        raise
    print(f"{version} is committed, tagged, and built:", *archives, sep="\n  ")
    print("To publish it:", f"git push --follow-tags origin HEAD v{version}",
          f"twine upload dist/imagestore-{version}*", sep="\n  ")  # fmt: skip


if __name__ == "__main__":
    main()
