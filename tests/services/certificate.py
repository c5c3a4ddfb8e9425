"""A certificate for servers on loopback, which is its own authority."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make(path: Path, name: str = "IP:127.0.0.1,DNS:localhost") -> Path:
    """Write certificate and key to ``path`` (PEM), valid for the subject names and two days."""
    key = path.with_suffix(".key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={name}"),
            *("-keyout", str(key), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(key.read_text() + path.read_text())
    key.unlink()
    return path
