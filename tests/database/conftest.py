from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagestore.database.engine import Database
from tests.database import samples


@pytest.fixture(params=["sqlite", "sqlite+aiosqlite"], ids=["embedded", "pooled"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database, run in each of the two ways."""
    async with samples.opened(samples.url(tmp_path, request.param)) as opened:
        yield opened
