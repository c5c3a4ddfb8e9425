"""What the clients talk to: a served imagestore, bare and behind an authenticating proxy."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.e2e.proxy import authenticating_proxy
from tests.served import Served, serve
from tests.services import programs
from tests.services.databases import mariadb, postgresql
from tests.services.programs import BIN

__all__ = ["mariadb", "postgresql"]


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The embedded default: one node, no authentication, every caller an administrator."""
    with serve(tmp_path_factory.mktemp("open"), flavor="") as served:
        yield served


@pytest.fixture(scope="module")
def guarded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that trusts the headers of the proxy before it."""
    directory = tmp_path_factory.mktemp("guarded")
    with (
        serve(directory / "service", flavor="trusted-headers") as served,
        authenticating_proxy(directory / "proxy", served.url) as url,
    ):
        yield url


@dataclass(frozen=True)
class Client:
    """One command line client with its options for reaching the service."""

    command: tuple[str, ...]
    as_json: tuple[str, ...] = ()

    def __call__(self, *arguments: str, stdin: Path | None = None) -> str:
        """Run to success; what it printed."""
        result = self.run(*arguments, stdin=stdin)
        assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
        return result.stdout.decode()

    def json(self, *arguments: str, stdin: Path | None = None) -> Any:
        return orjson.loads(self(*arguments, *self.as_json, stdin=stdin))

    def run(self, *arguments: str, stdin: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        with open(stdin or "/dev/null", "rb") as source:
            return programs.run([*self.command, *arguments], stdin=source)


@pytest.fixture(scope="module")
def openstack(open_service: Served) -> Client:
    return Client(
        (str(BIN / "openstack"), "--os-auth-type", "none", "--os-endpoint", open_service.url),
        ("-f", "json"),
    )


@pytest.fixture(scope="module")
def glance_as(guarded_url: str) -> Callable[[str], Client]:
    """``glance`` with one of the proxy's tokens."""

    def client(token: str) -> Client:
        return Client(
            (str(BIN / "glance"), "--os-image-url", guarded_url, "--os-auth-token", token)
        )

    return client
