"""Each wrapper, and all of them together, keep the contract of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from imagestore.backends.base import Store
from imagestore.backends.file import FileSettings
from imagestore.backends.file.store import FileStore
from imagestore.backends.testing.contract import MIB, StoreContract
from imagestore.backends.wrappers.deadline import DeadlineStore
from imagestore.backends.wrappers.guarded import GuardedStore
from imagestore.backends.wrappers.limited import LimitedStore
from imagestore.backends.wrappers.measured import MeasuredStore
from imagestore.backends.wrappers.retrying import RetryingStore
from imagestore.config.settings import StoreSection
from imagestore.stores.stack import stacked

from ..file.test_store import LocalService

WRAPPERS: dict[str, Callable[[Store], Store]] = {
    "retrying": lambda store: RetryingStore(store, retries=2, within=30),
    "limited": lambda store: LimitedStore(store, transfers=2, calls=1, patience=30),
    "deadline": lambda store: DeadlineStore(store, call=30, progress=30),
    "guarded": lambda store: GuardedStore(store, threshold=3, pause=1),
    "measured": lambda store: MeasuredStore(store, lambda *_, **__: None),
    "all": lambda store: stacked(store, StoreSection("files", "file")).store,
}


class TestContract(StoreContract):
    large = 16 * MIB
    huge = 64 * MIB

    @pytest.fixture(params=WRAPPERS)
    async def service(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> AsyncIterator[LocalService]:
        directory = tmp_path / "images"
        settings = FileSettings(filesystem_store_datadir=str(directory))
        store = WRAPPERS[request.param](FileStore("files", settings))
        await store.start()
        yield LocalService(store, directory, tmp_path)
        await store.stop()


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapper_is_a_store(wrap: Callable[[Store], Store], tmp_path: Path) -> None:
    inner = FileStore("files", FileSettings(filesystem_store_datadir=str(tmp_path)))
    store = wrap(inner)
    assert isinstance(store, Store)
    assert (store.name, store.capabilities) == (inner.name, inner.capabilities)
    assert (store.places(), store.details()) == (inner.places(), inner.details())
