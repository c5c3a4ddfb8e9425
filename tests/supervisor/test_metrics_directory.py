from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagestore.observing import metrics
from imagestore.supervisor import metrics_directory


def test_what_a_killed_process_left_is_removed_and_what_others_use_is_not(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from imagestore.supervisor import metrics_directory;"
        "print(metrics_directory.create(pathlib.Path(sys.argv[1])));"
        "sys.stdout.flush(); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as dead, subprocess.Popen(command, **pipes) as living:
        left, used = (Path(process.stdout.readline().strip()) for process in (dead, living))
        dead.kill()
        dead.wait()

        mine = metrics_directory.create(tmp_path)

        assert not left.exists()
        assert used.exists()
        assert mine == tmp_path / f"metrics-{os.getpid()}"
        metrics_directory.remove(mine)
        assert list(tmp_path.iterdir()) == [used]
        living.kill()


def test_only_what_a_worker_was_doing_is_forgotten(tmp_path: Path) -> None:
    for name in ("counter_7.db", "gauge_livesum_7.db", "gauge_livesum_77.db"):
        (tmp_path / name).touch()
    metrics_directory.forget(tmp_path, 7)
    assert {path.name for path in tmp_path.iterdir()} == {"counter_7.db", "gauge_livesum_77.db"}


def test_a_file_that_a_worker_is_just_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counter_7.db").touch()
    monkeypatch.setenv(metrics_directory.VARIABLE, str(tmp_path))
    assert metrics.render() == b""
