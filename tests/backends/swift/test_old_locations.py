"""Glance puts user and key into a location where no file of references is configured."""

from __future__ import annotations

import pytest

from imagestore.backends import errors
from imagestore.backends.testing.contract import cut, new_id, read
from tests.services import swift

from .conftest import KEY, started


@pytest.mark.parametrize(
    ("login", "works"),
    [
        (f"service%3Aglance:{KEY}", True),
        (f"service:glance:{KEY}", True),
        ("service%3Aglance:the-key-of-yesterday", True),
        ("admin%3Aadmin:adminpw", False),
    ],
)
async def test_is_read(swift_url: str, container: str, login: str, works: bool) -> None:
    host = swift_url.removeprefix("http://")
    image_id = new_id()
    url = f"swift+http://{login}@{host}/auth/v1.0/{container}/{image_id}"
    async with started(swift_url, container) as store:
        await store.add(image_id, cut(b"x"))
        assert store.owns(url) is works
        if works:
            assert await read(store, url) == b"x"
        else:  # that account has no such container
            with pytest.raises(errors.NotFound):
                await read(store, url)
            other = swift.account_of(swift_url, "admin:admin")
            other.request("PUT", f"/{container}")
            other.request("PUT", f"/{container}/{image_id}", data=b"another")
            assert await read(store, url) == b"another"


async def test_its_key_is_not_told(swift_url: str, container: str) -> None:
    host = swift_url.removeprefix("http://")
    url = f"swift+http://admin%3Aadmin:not-the-key@{host}/auth/v1.0/{container}/x"
    async with started(swift_url, container) as store:
        with pytest.raises(errors.StoreError) as caught:
            await read(store, url)
    assert "not-the-key" not in str(caught.value)
