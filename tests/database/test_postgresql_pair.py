"""A primary that is lost, or that refuses writes, and the standby that is promoted in its place."""

from __future__ import annotations

import asyncio

import pytest

from imagestore.database import images
from imagestore.model.errors import Unavailable
from tests.database import samples
from tests.services.postgresql_pair import Pair, postgresql_pair

__all__ = ["postgresql_pair"]


@pytest.mark.parametrize("how", ["demote", "lose"])
async def test_a_failover(postgresql_pair: Pair, how: str) -> None:
    """Said to be away meanwhile; what was committed is there, and nothing is started anew."""
    before, after = samples.image(), samples.image()
    url = await asyncio.to_thread(postgresql_pair.fresh, f"test_{how}")
    async with samples.opened(url) as database:
        await database.write(images.insert, before)
        getattr(postgresql_pair, how)()
        try:
            with pytest.raises(Unavailable):
                await database.write(images.insert, after)
            with pytest.raises(Unavailable, match=r"127.0.0.1:\d+, 127.0.0.1:\d+ does not"):
                await database.connect()
        finally:
            await asyncio.to_thread(postgresql_pair.settle)
        await database.write(images.insert, after)
        for image in (before, after):
            assert await database.read(images.get, image.id) is not None
