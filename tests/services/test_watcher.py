"""However a run of tests ends, nothing that it started is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.services import interrupted, process, watcher


@pytest.mark.parametrize(
    "number, testers",
    [(signal.SIGINT, "1"), (signal.SIGTERM, "1"), (signal.SIGKILL, "1"), (signal.SIGKILL, "0")],
)
def test_an_interrupted_run_leaves_nothing(
    tmp_path: Path, number: signal.Signals, testers: str
) -> None:
    started, log = tmp_path / "started", tmp_path / "log"
    environment = {**os.environ, "STARTED": str(started)}
    del environment[watcher.VARIABLE]  # a run of its own
    command = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
        *("-n", testers, f"--basetemp={tmp_path / 'run'}", interrupted.__file__),
    ]
    with log.open("wb") as output:
        run = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            cwd=process.CHECKOUT,
            env=environment,
            start_new_session=True,
        )
    process.wait_until(started.exists, run, log)
    told = json.loads(started.read_text())
    assert len(told["pids"]) > 6  # each server has children
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # as a terminal does
    else:
        run.send_signal(number)
    run.wait(process.PATIENCE)
    _wait_until_gone(Path(told["run"]))
    assert [pid for pid in told["pids"] if process.alive(pid)] == []


def test_what_is_to_stay_stays(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from tests.services import process;"
        "kept = process.spawn(['sleep', '1000'], Path('log'));"
        "process.unwatched();"
        "print(kept.pid)"
    )
    environment = {**os.environ, "PYTHONPATH": str(process.CHECKOUT)}
    del environment[watcher.VARIABLE]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    kept = int(done.stdout)
    assert process.alive(kept)
    process.stop(kept)


def _wait_until_gone(path: Path) -> None:
    end = time.monotonic() + process.PATIENCE
    while path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
