"""Keystone slow, gone, back again, or not letting us ask."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from imagestore.model.errors import ConfigurationError, Unavailable
from tests.identity.keystone.conftest import Doors
from tests.identity.keystone.test_credentials import ACCOUNT
from tests.services import keystone as service
from tests.services.keystone import Keystone


async def test_slow(own_keystone: Keystone, door_to: Doors) -> None:
    door = door_to(own_keystone, http_connect_timeout=1)
    known, new = own_keystone.token("member"), own_keystone.token("member")
    await door(known)
    with own_keystone.frozen():
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await door(new)
        assert time.monotonic() - began < 20
        assert caught.value.retry_after > 0
        assert (await door(known)).roles == {"member", "reader"}
    assert (await door(new)).roles == {"member", "reader"}


async def test_gone_and_back(own_keystone: Keystone, door_to: Doors) -> None:
    door = door_to(own_keystone)
    known, new = own_keystone.token("member"), own_keystone.token("member")
    await door(known)
    own_keystone.stop()
    with pytest.raises(Unavailable):
        await door(new)
    assert (await door(known)).roles == {"member", "reader"}
    port = int(own_keystone.url.removesuffix("/v3").rpartition(":")[2])
    again = service.start(own_keystone.directory, port=port)
    try:
        assert (await door(new)).roles == {"member", "reader"}
    finally:
        again.stop()


async def test_gone_from_the_start(
    own_keystone: Keystone, door_to: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    door, token = door_to(own_keystone), own_keystone.token("member")
    own_keystone.stop()
    with pytest.raises(Unavailable):
        await door(token)
    assert "does not give this service a token" in caplog.text


async def test_an_own_token_that_was_revoked_is_replaced(
    keystone: Keystone, door_to: Doors
) -> None:
    door = door_to(keystone)
    await door(keystone.token("member"))
    validation = door.source._tokens._validation
    keystone.revoke((await validation.credentials.get()).headers["X-Auth-Token"])
    assert (await door(keystone.token("reader"))).roles == {"reader"}


async def test_an_own_token_that_is_refused_again_and_again(
    keystone: Keystone, door_to: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    auth = dict.fromkeys(ACCOUNT) | {"endpoint": keystone.url, "token": "worthless"}
    door = door_to(keystone, auth_type="admin_token", auth=auth)
    token = keystone.token("member")
    with pytest.raises(Unavailable) as caught:
        await door(token)
    assert "401" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR
    assert keystone.url not in caught.value.message
    assert "worthless" not in caplog.text


async def test_an_account_that_may_not_validate(
    keystone: Keystone, door_to: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    account = {"username": "member", "password": "memberpw", "project_name": "demo"}
    with pytest.raises(Unavailable):
        await door_to(keystone, auth=account)(keystone.token("reader"))
    assert "does it have the role service" in caplog.text


def test_certificates_that_cannot_be_used(
    keystone: Keystone, door_to: Doors, tmp_path: Path
) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("nothing")
    with pytest.raises(ConfigurationError, match="cafile"):
        door_to(keystone, cafile=bad)
