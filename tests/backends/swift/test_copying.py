"""Copies that Swift makes between containers, and between accounts."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imagestore.backends.testing.contract import CopyContract, Pair, cut, read
from tests.services import swift

from .conftest import MB, started
from .test_contract import RealService


def _container() -> str:
    return f"copies-{uuid.uuid4().hex[:12]}"


class TestContract(CopyContract):
    part = MB

    @pytest.fixture(params=["segments", "streams"])
    async def pair(self, request: pytest.FixtureRequest, swift_url: str) -> AsyncIterator[Pair]:
        options: dict[str, Any] = {}
        if request.param == "streams":
            options["swift_store_large_object_size"] = 1000
        origin, target = _container(), _container()
        async with (
            started(swift_url, origin, **options) as first,
            started(swift_url, target, **options) as second,
        ):
            yield RealService(first, swift_url, origin), RealService(second, swift_url, target)


async def test_between_accounts(swift_url: str) -> None:
    """The user of the target may read the account of the other store."""
    origin, target = _container(), _container()
    user = "test:tester"
    data = b"x" * (2 * MB + 1)
    async with (
        started(
            swift_url, origin, swift_store_user=user, swift_store_key=swift.USERS[user][0]
        ) as first,
        started(swift_url, target) as second,
    ):
        for image_id, part in (("large", data), ("small", b"small")):
            stored = await first.add(image_id, cut(part), len(part))
            made = await second.copy(image_id, first, stored.url, len(part))
            assert await read(second, made.url) == part
