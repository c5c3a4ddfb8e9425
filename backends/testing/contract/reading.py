"""What every driver must do that can be read from.

The half of :class:`StoreContract` for stores that cannot be written to. A test module derives a
class from :class:`ReadContract` with a fixture ``service`` as there, and says with
:meth:`ReadContract.place` how an object comes to be in the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Capability, Capacity
from imagestore.backends.testing.contract.service import Service, content, new_id, read

_RANGES: list[tuple[int, int | None]] = [
    (0, 0),
    (0, 1),
    (0, None),
    (1, None),
    (0, BLOCK_SIZE),
    (BLOCK_SIZE - 1, 2),
    (BLOCK_SIZE, BLOCK_SIZE),
    (BLOCK_SIZE + 1, BLOCK_SIZE),
    (511, 100_000),
    (3 * BLOCK_SIZE + 999, 1),
    (3 * BLOCK_SIZE + 999, 100),
    (3 * BLOCK_SIZE + 1000, None),
    (3 * BLOCK_SIZE + 1000, 5),
    (1 << 40, 5),
    (0, 1 << 40),
]
"""Offset and length, of an object of three blocks and 1000 bytes."""


class ReadContract:
    """The suite. Each test starts on an empty service."""

    patience = 30.0
    """Seconds within which a call that was cancelled must be over."""

    @pytest.fixture(autouse=True)
    def _in_the_table(self, record_property: Callable[[str, object], None]) -> None:
        """Marks the case in the report, for whoever counts what a driver keeps."""
        record_property("contract", True)

    async def place(self, service: Service, data: bytes) -> str:
        """Put an object into the service by whatever means; its location."""
        raise NotImplementedError

    # Reading.

    async def test_whole_objects(self, service: Service) -> None:
        for size in (0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1):
            data = content(size)
            url = await self.place(service, data)
            assert await service.store.exists(url)
            assert await service.store.size(url) == size
            assert await read(service.store, url) == data

    @pytest.fixture
    def data(self) -> bytes:
        return content(3 * BLOCK_SIZE + 1000)

    async def test_ranges(self, service: Service, data: bytes) -> None:
        if Capability.RANGED not in service.store.capabilities:
            pytest.skip("reads whole objects only")
        url = await self.place(service, data)
        for offset, length in _RANGES:
            end = None if length is None else offset + length
            got = await read(service.store, url, offset, length)
            assert got == data[offset:end], (offset, length)

    async def test_many_readers(self, service: Service, data: bytes) -> None:
        url = await self.place(service, data)
        if Capability.RANGED in service.store.capabilities:
            ranges = [(i * 50_000, 1_000_000 + i) for i in range(32)]
        else:
            ranges = [(0, len(data))] * 32
        results = await asyncio.gather(
            *(read(service.store, url, offset, length) for offset, length in ranges)
        )
        for (offset, length), result in zip(ranges, results, strict=True):
            assert result == data[offset : offset + length]

    async def test_a_reader_may_leave_early(self, service: Service, data: bytes) -> None:
        url = await self.place(service, data)
        for _ in range(40):
            async with service.store.open(url) as blocks:
                async for _ in blocks:
                    break
        async with service.store.open(url):
            pass
        assert await read(service.store, url) == data

    async def test_a_reader_may_be_cancelled(self, service: Service, data: bytes) -> None:
        url = await self.place(service, data)
        for moment in range(10):
            task = asyncio.create_task(read(service.store, url))
            await asyncio.sleep(moment / 1000)
            task.cancel()
            await asyncio.wait([task], timeout=self.patience)
            assert task.done()
        assert await read(service.store, url) == data

    # What is not there, and what is not ours.

    async def test_missing(self, service: Service) -> None:
        url = service.url(new_id())
        assert not await service.store.exists(url)
        with pytest.raises(errors.NotFound) as caught:
            await service.store.size(url)
        assert caught.value.store == service.store.name
        entered = False
        with pytest.raises(errors.NotFound):
            async with service.store.open(url):
                entered = True
        assert not entered

    async def test_invalid_locations(self, service: Service) -> None:
        await self.place(service, b"x")
        before = await service.objects()
        for url in service.invalid_urls:
            for call in (service.store.size, service.store.exists):
                with pytest.raises(errors.InvalidLocation):
                    await call(url)
            with pytest.raises(errors.InvalidLocation):
                await read(service.store, url)
            if Capability.LOCAL_PATH in service.store.capabilities:
                with pytest.raises(errors.InvalidLocation):
                    service.store.local_path(url)
        assert await service.objects() == before

    # House-keeping.

    async def test_capacity(self, service: Service) -> None:
        capacity = await service.store.capacity()
        assert isinstance(capacity, Capacity)
        if capacity.total is not None and capacity.free is not None:
            assert 0 <= capacity.free <= capacity.total

    async def test_starts_again_after_stop(self, service: Service) -> None:
        await service.store.stop()
        await service.store.stop()
        await service.store.start()
        await service.store.start()
        await service.store.capacity()
