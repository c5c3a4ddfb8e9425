"""Virtual environments for what comes from PyPI and is not ours: Glance, Keystone, Swift."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def make(path: Path) -> None:
    """An empty environment; it has no pip of its own, which would take seconds."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)


def install(path: Path, *requirements: str) -> None:
    """Install them into the environment at ``path``, with the pip of this one.

    Compiled is only what is imported, when it is: of most packages little ever is. Not so where
    Python must not keep what it compiles ($PYTHONDONTWRITEBYTECODE), as each start would again.
    """
    lazy = [] if sys.dont_write_bytecode else ["--no-compile"]
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", path / "bin" / "python"]
    subprocess.run([*pip, "install", "-qq", *lazy, *requirements], check=True)
