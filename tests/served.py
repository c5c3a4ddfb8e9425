"""An imagestore served as its users serve it: ``imagestore serve``, in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from tests.services import process as processes
from tests.services.process import free_port

__all__ = ["Served", "configure", "free_port", "serve"]


@dataclass
class Served:
    """A running service; ``stores`` maps each store's id to its directory."""

    url: str
    port: int
    directory: Path
    config: Path
    stores: dict[str, Path]
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.directory / "serve.log").read_text(errors="replace")

    @property
    def database(self) -> Path:
        return self.directory / "imagestore.sqlite"

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readiness", timeout=30) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def pids(self) -> list[int]:
        """The supervisor and all processes below it."""
        found = [self.process.pid]
        for pid in found:
            found += _children(pid)
        return found

    def workers(self) -> list[int]:
        """Processes that serve, without those that compute digests for them."""
        return _children(self.process.pid)

    def kill(self) -> None:
        """``kill -9`` of every process at once, as a power cut would."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def configure(
    directory: Path,
    *,
    flavor: str = "trusted-headers",
    stores: Sequence[str] = ("file1", "file2"),
    options: str = "",
) -> tuple[Path, dict[str, Path]]:
    """Write a configuration with that many file stores; its path and the directories."""
    places = {name: directory / "stores" / name for name in stores}
    sections = "".join(
        f"[{name}]\nfilesystem_store_datadir = {place}\n" for name, place in places.items()
    )
    config = directory / "imagestore.conf"
    config.write_text(
        f"[DEFAULT]\nenabled_backends = {', '.join(f'{name}:file' for name in places)}\n"
        f"[glance_store]\ndefault_backend = {stores[0]}\n{sections}"
        f"[database]\nconnection = sqlite:///{directory / 'imagestore.sqlite'}\n"
        f"[paste_deploy]\nflavor = {flavor}\n{options}"
    )
    return config, places


@contextmanager
def serve(
    directory: Path,
    *,
    flavor: str = "trusted-headers",
    stores: Sequence[str] = ("file1", "file2"),
    workers: int = 1,
    options: str = "",
    port: int | None = None,
) -> Iterator[Served]:
    """Start the service on a free loopback port and stop it in the end.

    ``options``: further lines for the configuration file, with their sections.
    A directory that was served before is served again with what is in it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    config, places = configure(directory, flavor=flavor, stores=stores, options=options)
    log = directory / "serve.log"
    process = processes.spawn(
        [
            sys.executable, "-m", "imagestore", "serve", "--config-file", config,
            "--port", str(port), "--workers", str(workers), "--data-dir", directory,
        ],
        log,
    )  # fmt: skip
    served = Served(f"http://127.0.0.1:{port}", port, directory, config, places, process)
    try:
        processes.wait_until(served.ready, process, log)
        yield served
    finally:
        if process.poll() is None:
            served.stop()
