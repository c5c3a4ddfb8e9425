"""The S3 driver: the contract that all drivers keep, and what is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ..contract import MIB, StoreContract
from .servers import SMALLEST, S3Service, Server, service


class TestContract(StoreContract):
    part = SMALLEST * MIB
    readable_when_deleted = False

    @pytest.fixture
    async def service(self, server: Server) -> AsyncIterator[S3Service]:
        async with service(server) as made:
            yield made
