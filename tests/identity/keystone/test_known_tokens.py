"""What is asked of Keystone, and how often: Keystone itself counts."""

from __future__ import annotations

import asyncio
import time

import pytest

from imagestore.identity.keystone import known_tokens
from imagestore.identity.keystone.known_tokens import KnownTokens
from imagestore.identity.keystone.validation import Validation
from imagestore.model.errors import Unauthenticated
from tests.identity.keystone.conftest import Doors, settings
from tests.services import keystone as service
from tests.services.keystone import Keystone


async def test_a_hundred_requests_at_once_cost_one_validation(
    keystone: Keystone, door_to: Doors
) -> None:
    door, token = door_to(keystone), keystone.token("member")
    callers = await asyncio.gather(*(door(token) for _ in range(100)))
    assert len({caller.user_id for caller in callers}) == 1
    await door(token)
    assert keystone.validations(token) == 1


async def test_a_request_that_is_given_up_takes_no_other_along(
    keystone: Keystone, door_to: Doors
) -> None:
    door, token = door_to(keystone), keystone.token("member")
    first, second = (asyncio.create_task(door(token)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).roles == {"member", "reader"}
    assert first.cancelled()
    assert keystone.validations(token) == 1


async def test_without_a_cache_every_request_asks(keystone: Keystone, door_to: Doors) -> None:
    door, token = door_to(keystone, token_cache_time=-1), keystone.token("member")
    await door(token)
    await door(token)
    assert keystone.validations(token) == 2


async def test_after_the_cache_time_keystone_is_asked_again(
    keystone: Keystone, door_to: Doors
) -> None:
    door, token = door_to(keystone, token_cache_time=1), keystone.token("member")
    await door(token)
    keystone.revoke(token)
    await asyncio.sleep(1.1)
    with pytest.raises(Unauthenticated):
        await door(token)


async def test_a_refusal_stands_for_a_short_while(
    keystone: Keystone, door_to: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_tokens, "REFUSAL_TIME", 1.0)
    door, token = door_to(keystone), keystone.token("member")
    keystone.revoke(token)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await door(token)
    assert keystone.validations(token) == 1
    await asyncio.sleep(1.1)
    with pytest.raises(Unauthenticated):
        await door(token)
    assert keystone.validations(token) == 2


async def test_memory_is_bounded_and_invented_tokens_drive_out_no_good_one(
    keystone: Keystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_tokens, "MOST", 2)
    configured = settings(keystone)
    known = KnownTokens(Validation(configured), configured)
    good = [keystone.token("member") for _ in range(3)]
    await known.get(good[0])
    await known.get(good[1])
    for number in range(5):
        assert await known.get(f"invented-{number}") is None
    await known.get(good[0])
    assert keystone.validations(good[0]) == 1

    await known.get(good[2])  # in place of the second, which nobody has used for longest
    await known.get(good[0])
    await known.get(good[1])
    assert [keystone.validations(token) for token in good] == [1, 2, 1]
    await known.close()


async def test_what_could_be_no_token_is_not_asked_about(
    keystone: Keystone, door_to: Doors
) -> None:
    door = door_to(keystone)
    await door(keystone.token("member"))
    before = keystone.validations()
    for token in ("é", "\udcff", "x" * 20000):
        with pytest.raises(Unauthenticated):
            await door(token)
    assert keystone.validations() == before


async def test_tokens_that_expire(tmp_path_factory: pytest.TempPathFactory, door_to: Doors) -> None:
    keystone = service.start(tmp_path_factory.mktemp("short") / "keystone", token_life=6)
    try:
        door, token = door_to(keystone), keystone.token("member")
        other = keystone.token("reader")
        end = time.time() + 6.2
        assert (await door(token)).roles == {"member", "reader"}
        await asyncio.sleep(end - time.time())
        with pytest.raises(Unauthenticated):
            await door(token)  # although it was in the cache, for 300 s
        with pytest.raises(Unauthenticated):
            await door(other)  # never seen before

        # A service goes on with both, others who send a token of their own do not.
        for expired, roles in ((token, {"member", "reader"}), (other, {"reader"})):
            asked = keystone.validations(expired)
            with pytest.raises(Unauthenticated):
                await door(expired, X_Service_Token=keystone.token("member"))
            for _ in range(2):
                caller = await door(expired, X_Service_Token=keystone.token("nova"))
                assert caller.roles == roles
            assert keystone.validations(expired) - asked <= 2
            with pytest.raises(Unauthenticated):
                await door(expired)
        # The own token of the service has expired too, and was replaced.
        assert (await door(keystone.token("other"))).roles == {"member", "reader"}
    finally:
        keystone.stop()
