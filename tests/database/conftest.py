from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagestore.database.engine import Database
from tests.database import samples
from tests.services.databases import DIALECTS, KINDS, fresh_url_of, mariadb, postgresql, url_of

__all__ = ["mariadb", "postgresql"]


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without rows, which has all tables."""
    return url_of(request, request.param, tmp_path)


@pytest.fixture(params=KINDS)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables."""
    return fresh_url_of(request, request.param, tmp_path)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database without rows, of each kind."""
    async with samples.opened(url) as opened:
        yield opened
