"""Tokens that wait: readable with the same account, and with no other."""

from __future__ import annotations

import pytest

from imagestore.config.settings import Keystone
from imagestore.identity.keystone.sealing import NotSealedHere, Seal

TOKEN = "gAAAAA-a-token" * 20


def seal(**auth: str) -> Seal:
    return Seal(Keystone(auth_type="password", auth={"username": "glance"} | auth))


async def test_it_opens_with_the_same_password() -> None:
    sealed = await seal(password="one").seal(TOKEN)
    assert TOKEN not in sealed
    assert sealed.isascii()
    assert await seal(password="one", username="other").open(sealed) == TOKEN
    assert await seal(password="one").seal(TOKEN) != sealed


async def test_an_application_credential() -> None:
    sealed = await seal(application_credential_secret="one").seal(TOKEN)
    assert await seal(application_credential_secret="one").open(sealed) == TOKEN


@pytest.mark.parametrize("change", ["other password", "cut", "changed", "empty", "clear"])
async def test_it_opens_with_nothing_else(change: str) -> None:
    sealed = await seal(password="one").seal(TOKEN)
    password = "two" if change == "other password" else "one"
    changed = {
        "cut": sealed[:-4],
        "changed": sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:],
        "empty": "",
        "clear": TOKEN,
    }.get(change, sealed)
    with pytest.raises(NotSealedHere):
        await seal(password=password).open(changed)
