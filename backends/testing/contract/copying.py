"""What every driver must do that copies by itself.

A test module derives a class from :class:`CopyContract` with a fixture ``pair``: two stores
in different places of one cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Capability, Copier, Store
from imagestore.backends.testing.contract.service import MIB, Service, content, cut, new_id, read

Pair = tuple[Service, Service]
"""Where from, where to."""


def copier(store: Store) -> Copier:
    assert Capability.COPIES in store.capabilities
    assert isinstance(store, Copier)
    return store


class CopyContract:
    part = MIB
    """Bytes after which the driver begins something new: a segment, a part."""

    @pytest.fixture(autouse=True)
    def _in_the_table(self, record_property: Callable[[str, object], None]) -> None:
        record_property("contract", True)

    @pytest.mark.parametrize(
        "size_of",
        [lambda part: 1, lambda part: part, lambda part: 3 * part + 17],
        ids=["1", "part", "odd"],
    )
    async def test_copies_are_objects_like_others(
        self, pair: Pair, size_of: Callable[[int], int]
    ) -> None:
        origin, target = pair
        data, image_id = content(size_of(self.part)), new_id()
        stored = await origin.store.add(image_id, cut(data), len(data))
        told: list[int] = []
        made = await copier(target.store).copy(
            image_id, origin.store, stored.url, len(data), on_progress=told.append
        )
        assert (made.url, made.size) == (target.url(image_id), len(data))
        assert told
        assert told == sorted(told)
        assert told[-1] == len(data)
        # It depends on the other one in nothing.
        await origin.store.delete(stored.url)
        assert await origin.objects() == set()
        assert await target.store.size(made.url) == len(data)
        assert await read(target.store, made.url) == data
        await target.store.delete(made.url)
        assert await target.objects() == set()

    async def test_copies_replace_nothing(self, pair: Pair) -> None:
        origin, target = pair
        image_id = new_id()
        stored = await origin.store.add(image_id, cut(b"new"), 3)
        there = await target.store.add(image_id, cut(b"old"), 3)
        before = await target.objects()
        with pytest.raises(errors.Exists) as caught:
            await copier(target.store).copy(image_id, origin.store, stored.url, 3)
        assert caught.value.store == target.store.name
        assert await read(target.store, there.url) == b"old"
        assert await target.objects() == before

    async def test_copies_of_what_is_not_there(self, pair: Pair) -> None:
        origin, target = pair
        with pytest.raises(errors.NotFound):
            await copier(target.store).copy(new_id(), origin.store, origin.url(new_id()), 3)
        assert await target.objects() == set()

    async def test_copies_of_another_size(self, pair: Pair) -> None:
        origin, target = pair
        stored = await origin.store.add(new_id(), cut(b"data"))
        with pytest.raises(errors.CannotCopy):
            await copier(target.store).copy(new_id(), origin.store, stored.url, 5)
        assert await target.objects() == set()

    async def test_copies_from_a_store_that_is_no_relation(self, pair: Pair) -> None:
        class Stranger:
            name = "stranger"

        _, target = pair
        with pytest.raises(errors.CannotCopy):
            await copier(target.store).copy(new_id(), Stranger(), "x://y", 5)  # type: ignore[arg-type]
        assert await target.objects() == set()

    async def test_copies_that_are_cancelled(self, pair: Pair) -> None:
        """Nothing is left, whenever that is; and the next one is made."""
        origin, target = pair
        data, image_id = content(3 * self.part + 17), new_id()
        stored = await origin.store.add(image_id, cut(data), len(data))
        made = None
        for pause in (0.0, 0.005, 0.02, 0.08, 0.3):
            task = asyncio.create_task(
                copier(target.store).copy(image_id, origin.store, stored.url, len(data))
            )
            await asyncio.sleep(pause)
            task.cancel()
            [made] = await asyncio.gather(task, return_exceptions=True)
            if not isinstance(made, BaseException):
                break
            assert await target.objects() == set()
        if made is None or isinstance(made, BaseException):
            made = await copier(target.store).copy(image_id, origin.store, stored.url, len(data))
        assert await read(target.store, made.url) == data

    async def test_copies_of_one_id_at_once(self, pair: Pair) -> None:
        """One at most is made; and one can be made afterwards."""
        origin, target = pair
        data, image_id = content(2 * self.part + 1), new_id()
        stored = await origin.store.add(image_id, cut(data), len(data))
        copies = [
            copier(target.store).copy(image_id, origin.store, stored.url, len(data))
            for _ in range(3)
        ]
        results = await asyncio.gather(*copies, return_exceptions=True)
        made = [each for each in results if not isinstance(each, BaseException)]
        assert len(made) <= 1
        assert all(isinstance(each, errors.Exists) for each in results if each not in made)
        if not made:
            made = [await copier(target.store).copy(image_id, origin.store, stored.url, len(data))]
        assert await read(target.store, made[0].url) == data
