"""Services that validate tokens at a real Keystone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from multidict import CIMultiDict

from imagestore.config.settings import Identity, Keystone
from imagestore.identity.caller import Caller
from imagestore.identity.keystone.source import KeystoneTokens
from imagestore.identity.policy import Policy
from tests.services import keystone as service


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
