"""A short soak: three nodes on one database, stores of files, one of which goes away."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests.service.conftest import mariadb, postgresql
from tests.services.databases import fresh_url_of
from tests.services.postgresql_pair import Pair, postgresql_pair
from tests.soak import failing
from tests.soak.soak import Fault, Plan, run

__all__ = ["mariadb", "postgresql", "postgresql_pair"]

CONFIG = """\
[DEFAULT]
enabled_backends = file1:file, file2:file
[glance_store]
default_backend = file1
[file1]
filesystem_store_datadir = {directory}/file1
[file2]
filesystem_store_datadir = {directory}/file2
[database]
connection = {url}
[paste_deploy]
flavor = trusted-headers
[imagestore]
auto_upgrade = true
replication_interval = 2
replication_grace = 1
[replication:golden]
match = tag=golden
stores = file1, file2
"""


def files_in(place: Path) -> Callable[[], Awaitable[Counter[str]]]:
    async def listed() -> Counter[str]:
        return Counter(path.name for path in place.iterdir())

    return listed


@pytest.fixture(params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables."""
    return fresh_url_of(request, request.param, tmp_path)


@pytest.mark.slow
async def test_a_postgresql_pair(postgresql_pair: Pair, tmp_path: Path) -> None:
    await _with_failing_database(
        tmp_path, postgresql_pair.fresh(), failing.of_pair(postgresql_pair)
    )


async def _with_failing_database(directory: Path, url: str, faults: Sequence[Fault]) -> None:
    config = directory / "imagestore.conf"
    config.write_text(CONFIG.format(directory=directory, url=url))
    listed = {name: files_in(directory / name) for name in ("file1", "file2")}
    seed = random.randrange(1 << 32)
    sizes = (1, 70_000, 1 << 20)
    await run(Plan(config, directory, faults, listed, 24, sizes, seconds=15.0, seed=seed))


async def test_three_nodes(url: str, tmp_path: Path) -> None:
    config = tmp_path / "imagestore.conf"
    config.write_text(CONFIG.format(directory=tmp_path, url=url))
    listed = {name: files_in(tmp_path / name) for name in ("file1", "file2")}
    seed = random.randrange(1 << 32)
    sizes = (1, 70_000, 1 << 20, 3 << 20)
    await run(Plan(config, tmp_path, (), listed, 12, sizes, seconds=4.0, seed=seed))
