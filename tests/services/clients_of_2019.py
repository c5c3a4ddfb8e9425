"""``glance`` and ``openstack`` of 2019, in an environment of their own: both spoke v1 well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.services import process

REQUIREMENTS: Final = (
    "python-glanceclient==2.17.1",
    "python-openstackclient==3.19.0",
    "simplejson",
    # For pkg_resources, by which they look for their entry points.
    "setuptools<81",
)
PROGRAMS: Final = ("glance", "openstack")


def program(name: str) -> Path:
    """One of :data:`PROGRAMS`; all are installed on first use. Safe among parallel processes."""
    path = process.KEPT / "clients-of-2019-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        if not all((path / "bin" / each).exists() for each in PROGRAMS):
            subprocess.run([sys.executable, "-m", "venv", path], check=True)
            pip: list[str | Path] = [path / "bin" / "python", "-m", "pip", "install", "-qq"]
            subprocess.run([*pip, *REQUIREMENTS], check=True)
    return path / "bin" / name
