"""A python-glanceclient of 2019, in an environment of its own: one that still knew of v1 well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.services import process

REQUIREMENTS: Final = ("python-glanceclient==2.17.1", "setuptools<81")
"""It looks for its entry points with pkg_resources, which later setuptools do not have."""


def program() -> Path:
    """Its ``glance``; installed on first use. Safe among parallel processes."""
    path = process.KEPT / "glanceclient-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        glance = path / "bin" / "glance"
        if not glance.exists():
            subprocess.run([sys.executable, "-m", "venv", path], check=True)
            pip: list[str | Path] = [path / "bin" / "python", "-m", "pip", "install", "-qq"]
            subprocess.run([*pip, *REQUIREMENTS], check=True)
    return glance
