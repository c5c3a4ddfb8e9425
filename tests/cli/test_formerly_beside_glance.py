"""The commands of Glance, and ours under their names: the codes they end with."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cli.test_commands import run
from tests.services import glance


def test_codes_are_those_of_the_real_commands(tmp_path: Path) -> None:
    """Where both have something to say: what is missing, what is unknown, what is not ready."""
    config = tmp_path / "glance-api.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{tmp_path}/glance.sqlite\n")
    lines = [
        f"glance-manage --config-file {config} db check",
        "glance-manage bogus",
        "glance-status upgrade",
        "glance-replicator",
        "glance-replicator bogus x",
        "glance-replicator size",
        "glance-cache-manage bogus",
    ]  # fmt: skip

    def real(line: str) -> int:
        program, *words = line.split()
        command = [glance.venv() / "bin" / program, *words]
        return subprocess.run(command, capture_output=True, cwd=tmp_path).returncode

    def ours(line: str) -> int:
        program, *words = line.split()
        return run(*words, program=program).returncode

    glance.venv()
    with ThreadPoolExecutor(2) as pool:
        assert dict(zip(lines, map(ours, lines), strict=True)) == dict(
            zip(lines, pool.map(real, lines), strict=True)
        )
