"""The driver as it is found, what is told of a store, and which locations are its own."""

from __future__ import annotations

from imagestore.backends.base import Driver, Store
from imagestore.backends.swift import driver
from imagestore.backends.swift.store import SwiftStore
from imagestore.backends.testing.contract import new_id

from .conftest import KEY, MB, settings, started, url_of


def test_is_found_as_a_driver() -> None:
    assert isinstance(driver, Driver)
    assert driver.schemes == ("swift", "swift+http", "swift+https", "swift+config")
    assert isinstance(driver.create("a", driver.settings()), Store)


def test_what_is_told_of_a_store() -> None:
    store = SwiftStore("a", settings("http://127.0.0.1:1", "images"))
    assert store.details() == {
        "container": "images",
        "large_object_size": MB,
        "large_object_chunk_size": MB,
    }
    assert store.places() == {"http://127.0.0.1:1/auth/v1.0/service/images"}
    assert KEY not in repr(store.details())


async def test_owns(swift_url: str, container: str) -> None:
    async with started(swift_url, container) as store:
        image_id = new_id()
        assert store.owns(url_of(container, image_id))
        assert not store.owns(url_of("other", image_id))
        assert not store.owns(f"swift+config://ref2/{container}/{image_id}")
        assert not store.owns(f"file:///{container}/{image_id}")
