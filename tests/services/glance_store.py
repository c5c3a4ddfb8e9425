"""The real glance_store 5.7, Glance's library of drivers, from PyPI in an environment of its own.

For tests of interchange: what it wrote we read and delete, and the other way round.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services import process, venvs

REQUIREMENTS = ("glance_store[swift,s3]==5.7.0",)
PROGRAM = Path(__file__).parent / "glance_store_program.py"


class Failed(Exception):
    """What glance_store raised: ``kind`` is the name of its exception."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class GlanceStore:
    """One store of a type (``swift``, ``s3``, ``rbd``, …) with Glance's options.

    Each call is a process of its own, forked from one that all calls of this process share.
    ``paths`` are further directories of Python modules, behind the environment's own, for
    drivers that PyPI does not have (Debian's rados and rbd).
    """

    type: str
    options: Mapping[str, str]
    directory: Path
    """For its configuration and for data."""
    name: str = "store1"
    """The store's id; ``[name]`` is its section."""
    paths: Sequence[str] = ()

    def add(self, image_id: str, data: bytes, *, size: int | None = None) -> str:
        """Store ``data`` and return the location. ``size`` None means that it is not known.

        Raises :class:`Failed`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        source = self.directory / "data.in"
        source.write_bytes(data)
        return str(self._call("add", image_id=image_id, path=str(source), size=size or 0)["url"])

    def get(self, url: str) -> bytes:
        """All bytes at a location. Raises :class:`Failed`."""
        target = self.directory / "data.out"
        self._call("get", url=url, path=str(target))
        return target.read_bytes()

    def size(self, url: str) -> int:
        """Bytes at a location. Raises :class:`Failed`."""
        return int(self._call("size", url=url)["size"])

    def delete(self, url: str) -> None:
        """Remove what is at a location. Raises :class:`Failed`."""
        self._call("delete", url=url)

    def _call(self, action: str, **arguments: Any) -> dict[str, Any]:
        self.directory.mkdir(parents=True, exist_ok=True)
        request = {
            "action": action,
            "configuration": str(self._configure()),
            "store": self.name,
            **arguments,
        }
        answer = _program(tuple(self.paths)).ask(request)
        if "error" in answer:
            raise Failed(answer["error"], answer["message"])
        return answer

    def _configure(self) -> Path:
        path = self.directory / f"{self.name}.conf"
        lines = [
            "[DEFAULT]",
            f"enabled_backends = {self.name}:{self.type}",
            "[glance_store]",
            f"default_backend = {self.name}",
            f"[{self.name}]",
            *(f"{option} = {value}" for option, value in self.options.items()),
        ]
        path.write_text("\n".join(lines) + "\n")
        return path


class _Program:
    """The running program, see :mod:`tests.services.glance_store_program`."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._busy = threading.Lock()
        self._process = subprocess.Popen(
            [venv() / "bin" / "python", "-P", PROGRAM, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._process.kill)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer, which may take some minutes. Raises when the program has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._busy:
            end = threading.Timer(300, self._process.kill)
            end.start()
            try:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(json.dumps(request) + "\n")
                    self._process.stdin.flush()
                line = self._process.stdout.readline()
            finally:
                end.cancel()
            if not line:
                _program.cache_clear()
                raise process.StartError(f"{PROGRAM} has ended; why is on the standard error")
        answer: dict[str, Any] = json.loads(line)
        return answer


@functools.cache
def _program(paths: tuple[str, ...]) -> _Program:
    return _Program(paths)


def venv() -> Path:
    """The virtual environment that holds glance_store; made on first use, safe among processes."""
    path = process.KEPT / "glance-store-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        stamp = path / "requirements"
        if not stamp.exists() or stamp.read_text() != repr(REQUIREMENTS):
            venvs.make(path)
            venvs.install(path, *REQUIREMENTS)
            stamp.write_text(repr(REQUIREMENTS))
    return path
