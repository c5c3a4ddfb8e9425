"""Ceph's gateway and Swift, each started once for all tests of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.services import ceph, radosgw, swift
from tests.services.radosgw import RadosGW
from tests.services.shared import shared

from .servers import Server


def _require(available: bool, what: str) -> None:
    if not available and not os.environ.get("CI"):
        pytest.skip(f"{what} is not installed")


def _place(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A directory that all processes of this run name."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"s3-{name}"


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadosGW]:
    """Ceph's gateway, on a cluster of its own."""
    _require(ceph.available() and radosgw.available(), "radosgw")
    place = _place(tmp_path_factory, "radosgw")
    with (
        shared(_place(tmp_path_factory, "ceph"), ceph.start) as conf,
        shared(place, lambda directory: radosgw.start(directory, ceph.at(conf))),
    ):
        yield radosgw.at(place / "service")


@pytest.fixture(scope="session")
def swift_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Swift."""
    _require(swift.available(), "memcached, which Swift needs,")
    place = _place(tmp_path_factory, "swift")
    with shared(place, partial(swift.start, async_delete=False)) as url:
        yield url


@pytest.fixture(scope="session")
def ceph_http(gateway: RadosGW) -> Server:
    return Server(gateway.url, radosgw.ACCESS, radosgw.SECRET)


@pytest.fixture(scope="session")
def ceph_https(gateway: RadosGW) -> Server:
    return Server(gateway.secure_url, radosgw.ACCESS, radosgw.SECRET, gateway.authority)


@pytest.fixture(scope="session")
def swift_server(swift_url: str) -> Server:
    user = "test:tester"
    return Server(swift_url, user, swift.USERS[user][0], is_swift=True)


@pytest.fixture(params=["ceph_http", "swift_server"])
def plain_server(request: pytest.FixtureRequest) -> Server:
    """Each of them without TLS, in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["ceph_http", "ceph_https", "swift_server"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found
