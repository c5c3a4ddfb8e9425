"""What a start checks, and what the rights of the user let it do."""

from __future__ import annotations

from typing import Any

import pytest

from imagestore.backends import errors
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import content, cut, new_id, read
from tests.services import swift

from .conftest import MB, settings, started, url_of


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"swift_store_key": "wrong"}, "swift_store_key"),
        ({"swift_store_user": "nobody:nobody"}, "swift_store_user"),
        ({"swift_store_user": "nobody"}, "swift_store_user"),
        ({"swift_store_key": None}, "swift_store_key"),
        ({"swift_store_auth_address": None}, "swift_store_auth_address"),
        ({"swift_store_auth_address": "swift.example.org"}, "swift_store_auth_address"),
        ({"swift_store_container": "not-there"}, "swift_store_container"),
        (
            {"swift_store_user": "test:reader", "swift_store_key": "reading"},
            "swift_store_user",
        ),
        ({"swift_store_cacert": "/does/not/exist"}, "swift_store_cacert"),
        ({"swift_store_config_file": "/does/not/exist"}, "swift_store_config_file"),
        (
            {"swift_store_config_file": "/etc/hostname", "swift_store_multi_tenant": True},
            "swift_store_config_file",
        ),
        (
            {"swift_store_application_credential_id": "x"},
            "swift_store_application_credential_secret",
        ),
    ],
)
async def test_what_is_wrong_is_named(swift_url: str, options: dict[str, Any], named: str) -> None:
    changed = {"swift_store_create_container_on_put": False, **options}
    store = SwiftStore("swift1", settings(swift_url, **changed))
    with pytest.raises(errors.Misconfigured) as caught:
        await store.start()
    assert named in caught.value.message
    assert caught.value.store == "swift1"
    assert "wrong" not in str(caught.value)


async def test_nobody_answers() -> None:
    store = SwiftStore("swift1", settings("http://127.0.0.1:1"))
    with pytest.raises(errors.Unavailable):
        await store.start()
    with pytest.raises(errors.Unavailable):
        await store.add(new_id(), cut(b"x"))


async def test_not_an_authentication_service(swift_url: str) -> None:
    store = SwiftStore(
        "swift1", settings(swift_url, swift_store_auth_address=f"{swift_url}/nothing/v1.0")
    )
    with pytest.raises((errors.Misconfigured, errors.Unavailable)):
        await store.start()


async def test_the_container_is_made(
    swift_url: str, container: str, account: swift.Account
) -> None:
    async with started(swift_url, container):
        assert container in account.names()


async def test_a_container_that_went_away(
    swift_url: str, container: str, account: swift.Account
) -> None:
    async with started(swift_url, container) as store:
        for data in (b"small", content(3 * MB)):
            account.request("DELETE", f"/{container}")
            stored = await store.add(new_id(), cut(data))
            assert await read(store, stored.url) == data
            await store.delete(stored.url)
    account.request("PUT", f"/{container}")
    options = {"swift_store_create_container_on_put": False}
    async with started(swift_url, container, **options) as store:
        account.request("DELETE", f"/{container}")
        for data in (b"small", content(3 * MB)):
            with pytest.raises(errors.Unavailable, match="swift_store_container"):
                await store.add(new_id(), cut(data))


async def test_not_allowed_to_write(swift_url: str, container: str) -> None:
    owner = swift.account_of(swift_url, "test:tester")
    acl = {"X-Container-Read": "test:reader"}
    owner.request("PUT", f"/{container}", acl)
    options = {"swift_store_user": "test:reader", "swift_store_key": "reading"}
    async with started(swift_url, container, **options) as store:
        for data in (b"small", content(3 * MB)):
            with pytest.raises(errors.ReadOnly):
                await store.add(new_id(), cut(data))
        image_id = new_id()
        owner.request("PUT", f"/{container}/{image_id}", data=b"there")
        assert await read(store, url_of(container, image_id)) == b"there"
        with pytest.raises(errors.ReadOnly):
            await store.delete(url_of(container, image_id))
