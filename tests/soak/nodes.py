"""Nodes of one service: processes that share a database and stores, and die at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

from tests.services.process import CHECKOUT, free_port


class Node:
    """``imagestore serve`` in a process of its own, on the same port whenever it is started."""

    def __init__(self, name: str, config: Path, directory: Path) -> None:
        self.name = name
        self.config = config
        self.directory = directory / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.frozen = False

    @property
    def up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self.directory / "serve.log"

    def start(self) -> None:
        self.frozen = False
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "imagestore", "serve"),
                    *("--config-file", str(self.config), "--port", str(self.port)),
                    *("--workers", "1", "--data-dir", str(self.directory)),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=CHECKOUT,
            )

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthcheck", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    async def ready(self, seconds: float = 120) -> None:
        """Wait until it serves; one that ended at its start is started anew."""
        end = time.monotonic() + seconds
        while not await asyncio.to_thread(self.is_ready):
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not start: see {self.directory}")
            if not self.up:
                # The default store may be one that does not answer just now.
                self.start()
            await asyncio.sleep(0.2)

    def kill(self) -> None:
        """``kill -9`` of every process at once."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait(30)

    def freeze(self) -> None:
        """Stop every process where it is, as a machine that is suspended does."""
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have them go on as if no time had passed."""
        self._signal(signal.SIGCONT)
        self.frozen = False

    def pids(self) -> Iterator[int]:
        """Of all its processes; none when it is down."""
        return self._pids(self._process.pid) if self._process is not None else iter(())

    def _signal(self, number: int) -> None:
        if self._process is not None and self.up:
            for pid in self._pids(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def stop(self) -> None:
        if self._process is not None and self.up:
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def _pids(self, parent: int) -> Iterator[int]:
        found = [parent]
        for pid in found:
            yield pid
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
                found += [int(child) for child in children.split()]
