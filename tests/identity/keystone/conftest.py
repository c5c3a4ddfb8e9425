"""A real Keystone, and callers that it knows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from imagestore.config.settings import Identity, Keystone
from imagestore.identity.caller import Caller
from imagestore.identity.keystone.source import KeystoneTokens
from imagestore.identity.policy import Policy
from tests.services import keystone as service


def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the Keystone that all workers of a run share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "keystone"


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Keystone]:
    """One for all; nothing may happen to it."""
    with service.shared(place(tmp_path_factory)) as running:
        yield running


@pytest.fixture
def own_keystone(tmp_path: Path) -> Iterator[service.Keystone]:
    """One that a test may treat as it likes."""
    running = service.start(tmp_path / "keystone")
    yield running
    running.stop()


def settings(keystone: service.Keystone, **changes: Any) -> Keystone:
    """As a service is configured that validates tokens at ``keystone``.

    ``auth`` changes single options of the account; None takes one away.
    """
    account: dict[str, Any] = {
        "auth_url": keystone.url,
        "username": "glance",
        "password": "glancepw",
        "user_domain_id": "default",
        "project_name": "service",
        "project_domain_id": "default",
    }
    account = {
        name: value
        for name, value in (account | changes.pop("auth", {})).items()
        if value is not None
    }
    return Keystone(**{"auth_type": "password", "auth": account} | changes)


class Door:
    """Asks one :class:`KeystoneTokens` who somebody is."""

    def __init__(self, identity: Identity) -> None:
        self.source = KeystoneTokens(identity, Policy(identity))

    async def __call__(
        self, token: str | None = None, method: str = "GET", path: str = "/v2/images", **more: str
    ) -> Caller:
        """``more`` are headers, with underscores for hyphens."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        if token is not None:
            headers["X-Auth-Token"] = token
        return await self.source.identify(CIMultiDict(headers), method, path)


Doors = Callable[..., Door]


@pytest.fixture
async def door_to() -> AsyncIterator[Doors]:
    """Make a door to a Keystone; changes of the settings, or ``allow_anonymous_access``."""
    made: list[Door] = []

    def door(keystone: service.Keystone, **changes: Any) -> Door:
        anonymous = changes.pop("allow_anonymous_access", False)
        identity = Identity(
            flavor="keystone",
            allow_anonymous_access=anonymous,
            keystone=settings(keystone, **changes),
        )
        made.append(Door(identity))
        return made[-1]

    yield door
    for one in made:
        await one.source.close()
