"""One service for all processes of a test run: the first starts it, the last ends it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from tests.services import process


class Service(Protocol):
    """What is shared: told to the other processes by its address."""

    @property
    def url(self) -> str: ...

    @property
    def pid(self) -> int: ...


@contextlib.contextmanager
def shared(place: Path, start: Callable[[Path], Service]) -> Iterator[str]:
    """The address of the service that ``start(directory)`` made, here or in another process.

    ``place`` is a directory that all of them name; it holds the files of the service.
    Users that died are not waited for.
    """
    state = place / "state.json"
    with process.locked(place / "lock"):
        known = _read(state)
        if known is None or not process.alive(known["pid"]):
            service = start(place / "service")
            known = {"url": service.url, "pid": service.pid, "users": []}
        known["users"].append(os.getpid())
        state.write_text(json.dumps(known))
    try:
        yield str(known["url"])
    finally:
        with process.locked(place / "lock"):
            known = json.loads(state.read_text())
            known["users"].remove(os.getpid())
            known["users"] = [pid for pid in known["users"] if process.alive(pid)]
            if known["users"]:
                state.write_text(json.dumps(known))
            else:
                state.unlink()
                process.stop(known["pid"])


def _read(state: Path) -> dict[str, Any] | None:
    known: dict[str, Any] | None = json.loads(state.read_text()) if state.exists() else None
    return known
