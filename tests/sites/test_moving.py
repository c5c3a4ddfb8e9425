"""The data of one image on its way from a site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from imagestore.backends.base import Buffer
from imagestore.backends.least_rate import LeastRate
from imagestore.model.errors import Unavailable
from imagestore.sites.moving import Moving
from imagestore.sites.record import from_document
from imagestore.sites.site import Source

RECORD = from_document(
    {"id": "7f1dbf9a-3a4c-4c12-9c43-1b5a4d4f1a00", "status": "active", "size": 10**9}
)


class Trickling:
    """A byte at a time; and the connection breaks, after which it goes on: that is progress."""

    label = "elsewhere"

    async def read(self, record: object, offset: int = 0) -> AsyncGenerator[Buffer, None]:
        for _ in range(3):
            await asyncio.sleep(0.01)
            yield b"x"
        raise Unavailable("elsewhere does not answer.")


async def test_one_that_is_too_slow_on_the_whole() -> None:
    moving = Moving(cast(Source, Trickling()), RECORD, lambda _: None, LeastRate(10**6, 0.5))
    with pytest.raises(Unavailable, match=r"elsewhere: .* less than the 1000000 a second"):
        async for _ in moving.blocks():
            pass
    assert isinstance(moving.error, Unavailable)
