from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagestore.database.engine import Database
from tests.database import samples
from tests.services.databases import KINDS, fresh_url_of, mariadb, postgresql, url_of

__all__ = ["mariadb", "postgresql"]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without rows; where it is on a server the tables are there."""
    return url_of(request, request.param, tmp_path)


@pytest.fixture(params=KINDS)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables."""
    return fresh_url_of(request, request.param, tmp_path)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An empty database, run in each of the ways."""
    async with samples.opened(url) as opened:
        yield opened
