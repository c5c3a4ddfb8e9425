"""A damaged copy is made anew by the service of both stores, where it can, and verified then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends import errors, file
from imagestore.backends.base import Stored
from imagestore.backends.testing import memory
from imagestore.backends.testing.memory import MemoryStore
from imagestore.catalog.integrity.damage import mark
from imagestore.catalog.integrity.replacement import BadSource, Replacement
from imagestore.config import drivers
from imagestore.database import damages, locations
from imagestore.model.image import Image, Location
from imagestore.transfer.verification import Pace
from tests.catalog.conftest import DATA, House, in_memory, opened

FLIPPED = bytes([DATA[0] ^ 1]) + DATA[1:]


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Stores in memory that copy by themselves."""
    monkeypatch.setattr(
        drivers, "get", lambda name: memory.driver if name == "memory" else file.driver
    )
    async with opened(in_memory(tmp_path, server_side=True)) as house:
        yield house


@pytest.fixture
async def image(cluster: House) -> Image:
    """The copy in the second store is damaged, and known to be."""
    image = await cluster.active()
    objects(cluster, "second")[image.id] = FLIPPED
    location = Location(f"memory://second/{image.id}", {"store": "second"})
    await cluster.database.write(locations.add, image.id, location)
    image = await cluster.image(image.id)
    await cluster.database.write(mark, image, image.locations[1], "second", "forced")
    return image


@pytest.fixture
def copied(image: Image, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stores that were asked to copy, from then on."""
    seen: list[str] = []
    copy = MemoryStore.copy

    async def watch(self: MemoryStore, *args: Any, **more: Any) -> Stored:
        seen.append(self.name)
        return await copy(self, *args, **more)

    monkeypatch.setattr(MemoryStore, "copy", watch)
    return seen


def objects(house: House, store: str) -> dict[str, bytes | bytearray]:
    found = house.deps.stores.driver(store)
    assert isinstance(found, MemoryStore)
    return found.objects


async def repair(house: House) -> bool:
    [damage] = await house.database.read(damages.list)
    return await Replacement(house.deps).replace(damage, Pace())


async def test_the_service_of_the_stores_makes_it(
    cluster: House, image: Image, copied: list[str]
) -> None:
    assert await repair(cluster)
    assert copied == ["second"]
    assert objects(cluster, "second") == {image.id: DATA}
    assert {*await cluster.stores_of(image.id)} == {"first", "second"}
    assert await cluster.database.read(damages.list) == []
    assert not await cluster.journal()


@pytest.mark.parametrize("error", [errors.CannotCopy, errors.Unavailable])
async def test_what_it_does_not_make_is_sent(
    cluster: House, image: Image, error: type[errors.StoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: MemoryStore, *args: Any, **more: Any) -> Stored:
        raise error("forced", store=self.name)

    monkeypatch.setattr(MemoryStore, "copy", fail)
    assert await repair(cluster)
    assert objects(cluster, "second") == {image.id: DATA}


async def test_what_it_makes_is_read_before_it_counts(
    cluster: House, image: Image, copied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = MemoryStore.copy

    async def spoil(self: MemoryStore, *args: Any, **more: Any) -> Stored:
        stored = await copy(self, *args, **more)
        self.objects[image.id] = FLIPPED
        return stored

    monkeypatch.setattr(MemoryStore, "copy", spoil)
    assert await repair(cluster)
    assert copied == ["second"]
    assert objects(cluster, "second") == {image.id: DATA}  # sent instead


async def test_of_a_source_that_has_rotted(cluster: House, image: Image, copied: list[str]) -> None:
    objects(cluster, "first")[image.id] = FLIPPED
    with pytest.raises(BadSource):
        await repair(cluster)
    assert copied == []
    assert objects(cluster, "second") == {image.id: FLIPPED}  # better than nothing
