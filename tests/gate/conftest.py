"""Worlds for the doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from imagestore.catalog.locations import changes
from imagestore.config.settings import Identity
from tests.gate.doors import Door
from tests.gate.world import Stores, World, world
from tests.identity.keystone.conftest import settings
from tests.service.test_signatures import certificates, keys

__all__ = ["certificates", "keys"]

Enter = Callable[..., Awaitable[World]]


@pytest.fixture
async def enter(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Enter]:
    """Start the service that a door needs, with some settings changed."""
    stores = Stores()
    stores.watch(monkeypatch)
    # No client looks here at what has no hash yet.
    monkeypatch.setattr(changes, "_UNHASHED", timedelta())
    async with AsyncExitStack() as stack:

        async def start(door: Door, **options: Any) -> World:
            needs = dict(door.needs)
            keystone = None
            if needs.pop("keystone", False):
                keystone = request.getfixturevalue("keystone")
                options["identity"] = Identity(
                    flavor="trusted-headers", keystone=settings(keystone)
                )
            entered = await stack.enter_async_context(world(tmp_path, stores, **needs, **options))
            if keystone is not None:
                assert entered.peer is not None
                url = str(entered.peer.client.make_url("/"))
                region = await asyncio.to_thread(keystone.region, url)
                token = await asyncio.to_thread(keystone.token, "member")
                entered = replace(entered, region=region, token=token)
            return entered

        yield start
