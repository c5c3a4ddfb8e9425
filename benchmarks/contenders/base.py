"""What a measure needs to know of a server, whichever it is."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import ProcessTree

HOST = "127.0.0.1"
OWNER = "bench"
"""The project and the user that all requests come from."""
STILL = 1 << 20
"""Bytes within which memory counts as unchanged."""


class BenchmarkError(RuntimeError):
    """A server did not do what a measure needs; the measure is left out for it."""


@dataclass(kw_only=True)
class Contender(ABC):
    """A running server."""

    name: str
    title: str
    port: int
    server: ProcessTree
    headers: Mapping[str, str] = field(default_factory=dict)
    """What each request carries to say who asks."""
    first_page: str = "/v2/images?limit=1"
    """What a warm-up asks for."""
    database: ProcessTree | None = None
    """The database server, whose CPU is counted apart. No two use it at the same time."""
    files: Callable[[str], Path] | None = None
    """Where the bytes of an image, or of what was uploaded, lie; by its id."""
    started_in: float | None = None
    """Seconds from the start of its first process until it was ready."""
    stop: Callable[[], None]

    @abstractmethod
    def new_upload(self) -> str:
        """A path to PUT bytes to, once."""

    @abstractmethod
    def remove_upload(self, path: str) -> None:
        """Delete what was uploaded to a path of :meth:`new_upload`."""

    def file_of(self, path: str) -> str | None:
        """Where the bytes lie that were uploaded to a path of :meth:`new_upload`."""
        image = path.removesuffix("/file").rpartition("/")[2]
        return str(self.files(image)) if self.files else None

    def address(self) -> dict[str, Any]:
        """The part of a load generator's job that says where to and as whom."""
        return {"host": HOST, "port": self.port, "headers": dict(self.headers)}

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        kind: str = "application/json",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """One request outside any measurement; the body of its answer.

        ``headers``: who asks, if that is another. Raises :class:`BenchmarkError` unless it
        succeeded.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=120, blocksize=1 << 20)
        headers = dict(self.headers if headers is None else headers)
        data: bytes | Path | None = None
        if body is not None:
            headers["Content-Type"] = kind
            data = body if isinstance(body, bytes | Path) else json.dumps(body).encode()
        try:
            if isinstance(data, Path):
                headers["Content-Length"] = str(data.stat().st_size)
                with data.open("rb") as source:
                    connection.request(method, path, source, headers)
                    response = connection.getresponse()
            else:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            answer = f"{response.status} {content[:200]!r}"
            raise BenchmarkError(f"{self.title}: {method} {path} was answered with {answer}")
        return content

    def warm_up(self) -> None:
        """Have every worker answer once, and wait until the memory of all stays the same."""
        resident, end = 0, time.monotonic() + 20
        while abs(self.server.rss() - resident) > STILL and time.monotonic() < end:
            resident = self.server.rss()
            for _ in range(20):
                self.call("GET", self.first_page)
            time.sleep(0.3)

    def fetch(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON document at ``path``."""
        return json.loads(self.call("GET", path, headers=headers))


@dataclass(kw_only=True)
class ImageService(Contender):
    """A server of the Images API."""

    def create(self, **attributes: Any) -> str:
        """A new raw image; returns its path."""
        attributes = {"disk_format": "raw", "container_format": "bare", **attributes}
        return str(json.loads(self.call("POST", "/v2/images", attributes))["self"])

    def new_upload(self) -> str:
        return self.create(name="upload") + "/file"

    def remove_upload(self, path: str) -> None:
        self.call("DELETE", path.removesuffix("/file"))


@dataclass(kw_only=True)
class FileServer(Contender):
    """A server of plain files: the limit."""

    def new_upload(self) -> str:
        return f"/files/{uuid.uuid4()}"

    def remove_upload(self, path: str) -> None:
        self.call("DELETE", path)
