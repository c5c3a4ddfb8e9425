"""Older states of imagestore, taken from the history of the repository and run as they were.

They have no environment of their own: what they import is in the tests', which is why none is
older than the drivers of databases that are there now.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services import process

LAST_WITH = {
    "0007": "5746e0fc2f4a3e02b47d109e705e9502554d67c5",
    "0008": "23cee7b5bbe2e9f4953a47f6e14cbd4c66795fde",
}
"""The last commit of each revision of the tables, before there were releases."""


def newest_release(of: Path = process.CHECKOUT) -> str:
    """The newest tag of a release before what is checked out; without one, the last commit above.

    Before: where the release itself is checked out, that is not yet to be upgraded from.
    """
    found = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^", at=of)
    return found.stdout.strip() if found.returncode == 0 else LAST_WITH["0008"]


def checkout(revision: str) -> Path:
    """Where the code of ``revision`` is, kept for all. Only a shallow clone may do without."""
    found = _git("rev-parse", "--verify", f"{revision}^{{commit}}")
    if found.returncode:
        said = f"no {revision[:12]} in the history (git fetch --unshallow --tags): {found.stderr}"
        is_shallow = _git("rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        (pytest.skip if is_shallow else pytest.fail)(said)
    directory = process.KEPT / f"imagestore-{found.stdout.strip()[:12]}"
    with process.locked(directory.parent / f"{directory.name}.lock"):
        if not directory.exists():
            archive = directory.with_suffix(".tar")
            _git("archive", "--format=tar", f"--output={archive}", revision)
            with tarfile.open(archive) as files:
                files.extractall(unpacked := directory.with_suffix(".new"), filter="data")
            unpacked.rename(directory)
            archive.unlink()
    return directory


def _git(*words: str, at: Path = process.CHECKOUT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", at, *words], capture_output=True, text=True)


def command(code: Path, *words: str | Path) -> list[str | Path]:
    """One of imagestore's commands, with the code that is there."""
    return ["env", "-C", code, f"PYTHONPATH={code}", sys.executable, "-m", "imagestore", *words]


def run(code: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(code, *words), capture_output=True, text=True, timeout=120)


@contextmanager
def serve(code: Path, config: Path, name: str, more: Sequence[str] = ()) -> Iterator[str]:
    """The URL of a node with that code; ``name`` is that of its directory beside ``config``."""
    port, log = process.free_port(), config.parent / f"{name}.log"
    where = ("--config-file", config, "--port", str(port), "--data-dir", config.parent / name)
    running = process.spawn(command(code, "serve", *where, *more), log)
    url = f"http://127.0.0.1:{port}"
    try:
        process.wait_until(lambda: process.answers(f"{url}/readiness"), running, log)
        yield url
    finally:
        process.stop(running.pid)
