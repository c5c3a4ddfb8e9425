"""A run that is interrupted, for :mod:`tests.services.test_watcher`: it starts things and hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.services import nginx, postgresql


def test_hangs(tmp_path: Path) -> None:
    web = nginx.start(tmp_path / "nginx")
    database = postgresql.start(tmp_path / "postgresql")
    stubborn = subprocess.Popen(["nohup", "sleep", "1000"], start_new_session=True)
    pids = [web.pid, database.pid, stubborn.pid]
    for pid in pids:
        with suppress(OSError):  # one that has just ended
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    started = Path(os.environ["STARTED"])
    started.with_suffix(".new").write_text(
        json.dumps({"pids": pids, "run": os.environ["IMAGESTORE_TEST_RUN"]})
    )
    started.with_suffix(".new").rename(started)
    signal.pause()
