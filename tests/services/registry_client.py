"""The client by which Glance of 2017 asked its registry, in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.services import process, venvs

REQUIREMENTS: Final = (
    "cryptography", "eventlet", "glance_store", "httplib2", "keystoneauth1", "monotonic",
    "oslo.concurrency", "oslo.config", "oslo.i18n", "oslo.log", "oslo.middleware", "oslo.policy",
    "oslo.serialization", "oslo.utils", "osprofiler", "Paste", "PasteDeploy", "pyOpenSSL",
    "python-keystoneclient", "routes", "setuptools<81", "six", "webob", "wsme",
)  # fmt: skip
"""What the client's modules import; the rest of what Glance asks for it does without."""
GLANCE: Final = "glance==15.0.2"


def python() -> Path:
    """The interpreter that has it; installed on first use. Safe among parallel processes."""
    path = process.KEPT / "registry-client-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        done = path / "installed"
        if not done.exists():
            venvs.make(path)
            venvs.install(path, *REQUIREMENTS)
            venvs.install(path, "--no-deps", GLANCE)
            done.touch()
    return path / "bin" / "python"
