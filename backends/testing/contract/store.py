"""What every driver must do."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Buffer, Capability, Stored
from imagestore.backends.testing.contract.reading import ReadContract
from imagestore.backends.testing.contract.service import MIB, Service, content, cut, new_id, read


class SourceError(Exception):
    """What a source raises here; no store may swallow or change it."""


class StoreContract(ReadContract):
    """The suite. Each test starts on an empty service and leaves it as it finds it."""

    large = 64 * MIB
    """Bytes of a large object, which is made and compared in memory."""
    huge = 256 * MIB
    """Bytes of the largest object: many times what any driver may have in flight."""
    part = BLOCK_SIZE
    """Bytes after which the driver begins something new: a segment, a part, an object."""
    readable_when_deleted = True
    """What is open stays readable to its end after it was deleted."""

    async def place(self, service: Service, data: bytes) -> str:
        return (await service.store.add(new_id(), cut(data))).url

    # Whole objects.

    @pytest.mark.parametrize("announced", [True, False], ids=["known", "unknown"])
    @pytest.mark.parametrize(
        "size_of",
        [
            lambda part: 0,
            lambda part: 1,
            lambda part: part - 1,
            lambda part: part,
            lambda part: part + 1,
            lambda part: 3 * part + 4096,
            lambda part: 3 * part + 17,
        ],
        ids=["empty", "1", "part-1", "part", "part+1", "aligned", "odd"],
    )
    async def test_what_goes_in_comes_out(
        self, service: Service, size_of: Callable[[int], int], announced: bool
    ) -> None:
        await self._there_and_back(service, content(size_of(self.part)), announced)

    @pytest.mark.parametrize("announced", [True, False], ids=["known", "unknown"])
    async def test_large(self, service: Service, announced: bool) -> None:
        await self._there_and_back(service, content(self.large), announced)

    async def test_huge(self, service: Service) -> None:
        """Far more than fits into anything on the way, of a size that nobody tells."""
        noise, count = content(BLOCK_SIZE), self.huge // BLOCK_SIZE
        given, got = hashlib.sha256(), hashlib.sha256()

        async def source() -> AsyncIterator[Buffer]:
            for number in range(count):
                block = number.to_bytes(8, "big") + noise[8:]
                given.update(block)
                yield block

        stored = await service.store.add(new_id(), source())
        assert stored.size == count * BLOCK_SIZE
        async with service.store.open(stored.url) as blocks:
            async for block in blocks:
                got.update(block)
        assert got.digest() == given.digest()
        await service.store.delete(stored.url)
        assert await service.objects() == set()

    async def _there_and_back(self, service: Service, data: bytes, announced: bool) -> None:
        store, image_id = service.store, new_id()
        stored = await store.add(image_id, cut(data), len(data) if announced else None)
        assert stored.size == len(data)
        assert stored.url == service.url(image_id)
        assert await store.exists(stored.url)
        assert await store.size(stored.url) == len(data)
        digest = hashlib.sha256()
        async with store.open(stored.url) as blocks:
            async for block in blocks:
                assert len(block) > 0
                digest.update(block)
        assert digest.digest() == hashlib.sha256(data).digest()
        if Capability.LOCAL_PATH in store.capabilities:
            path = store.local_path(stored.url)
            assert path is not None
            assert path.read_bytes() == data
        await store.delete(stored.url)
        assert not await store.exists(stored.url)
        assert await service.objects() == set()

    async def test_blocks_of_any_size_and_kind(self, service: Service) -> None:
        chance = random.Random(7)
        data = content(2 * self.part + 12_345)

        async def pieces() -> AsyncIterator[Buffer]:
            at = 0
            while at < len(data):
                step = chance.choice([1, 7, 512, 4096, 65_536, 100_003, MIB])
                kind = chance.choice([bytes, bytearray, memoryview])
                yield kind(data[at : at + step])
                at += step

        stored = await service.store.add(new_id(), pieces())
        assert await read(service.store, stored.url) == data

    async def test_zeros_are_bytes_too(self, service: Service) -> None:
        data = bytes(self.part) + b"x" + bytes(2 * self.part + 5)
        stored = await service.store.add(new_id(), cut(data), len(data))
        assert stored.size == len(data)
        assert await read(service.store, stored.url) == data

    async def test_many_objects_do_not_mix(self, service: Service) -> None:
        ids = [new_id() for _ in range(8)]
        stored = await asyncio.gather(
            *(
                service.store.add(image_id, cut(content(100_000 + seed, seed)))
                for seed, image_id in enumerate(ids)
            )
        )
        for seed, each in enumerate(stored):
            assert await read(service.store, each.url) == content(100_000 + seed, seed)

    async def test_survives_a_restart(self, service: Service) -> None:
        data = content(1000)
        stored = await service.store.add(new_id(), cut(data))
        await service.store.stop()
        await service.store.start()
        assert await read(service.store, stored.url) == data

    # All or nothing.

    async def test_nothing_is_readable_before_the_end(self, service: Service) -> None:
        image_id, data = new_id(), content(2 * self.part)
        seen = []

        async def watched() -> AsyncIterator[Buffer]:
            async for block in cut(data):
                yield block
                seen.append(await service.store.exists(service.url(image_id)))

        await service.store.add(image_id, watched())
        assert seen
        assert not any(seen)

    @pytest.mark.parametrize("came", ["less", "more", "nothing"])
    async def test_wrong_size(self, service: Service, came: str) -> None:
        image_id, data = new_id(), content(2 * self.part)
        announced = {"less": len(data) + 1, "more": len(data) - 1, "nothing": 1}[came]
        source = b"" if came == "nothing" else data
        with pytest.raises(errors.WrongSize) as caught:
            await service.store.add(image_id, cut(source), announced)
        assert caught.value.store == service.store.name
        await self._is_clean(service, image_id)

    @pytest.mark.parametrize("blocks", [0, 1, 5])
    async def test_source_that_raises(self, service: Service, blocks: int) -> None:
        image_id, failure = new_id(), SourceError("source")

        async def source() -> AsyncIterator[Buffer]:
            for seed in range(blocks):
                yield content(BLOCK_SIZE, seed)
            raise failure

        with pytest.raises(SourceError) as caught:
            await service.store.add(image_id, source(), 5 * BLOCK_SIZE)
        assert caught.value is failure
        await self._is_clean(service, image_id)

    @pytest.mark.parametrize("blocks", [0, 1, 5])
    async def test_cancelled_while_the_source_waits(self, service: Service, blocks: int) -> None:
        image_id, reached = new_id(), asyncio.Event()

        async def source() -> AsyncIterator[Buffer]:
            for seed in range(blocks):
                yield content(BLOCK_SIZE, seed)
            reached.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(service.store.add(image_id, source()))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, self.patience)
        await self._is_clean(service, image_id)

    async def test_cancelled_at_any_moment(self, service: Service) -> None:
        data = content(4 * self.part + 1)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        stored = await service.store.add(new_id(), cut(data))
        usual = loop.time() - begin
        await service.store.delete(stored.url)
        for moment in range(20):
            image_id = new_id()
            task = asyncio.create_task(service.store.add(image_id, cut(data)))
            await asyncio.sleep(usual * moment / 18)
            task.cancel()
            try:
                stored = await asyncio.wait_for(task, self.patience)
            except asyncio.CancelledError:
                await self._is_clean(service, image_id, reuse=False)
            else:  # too late to be cancelled
                assert await read(service.store, stored.url) == data
                await service.store.delete(stored.url)

    async def _is_clean(self, service: Service, image_id: str, *, reuse: bool = True) -> None:
        url = service.url(image_id)
        assert not await service.store.exists(url)
        with pytest.raises(errors.NotFound):
            await read(service.store, url)
        assert await service.objects() == set()
        if reuse:
            stored = await service.store.add(image_id, cut(b"again"))
            assert await read(service.store, stored.url) == b"again"

    async def test_an_object_is_never_replaced(self, service: Service) -> None:
        image_id = new_id()
        stored = await service.store.add(image_id, cut(b"first"))
        before = await service.objects()
        with pytest.raises(errors.Exists):
            await service.store.add(image_id, cut(content(2 * self.part)))
        assert await read(service.store, stored.url) == b"first"
        assert await service.objects() == before

    async def test_of_two_writers_one_succeeds_at_most(self, service: Service) -> None:
        image_id = new_id()
        bodies = [content(2 * self.part + seed, seed) for seed in range(2)]
        under_way = [asyncio.Event(), asyncio.Event()]

        async def source(number: int) -> AsyncIterator[Buffer]:
            async for block in cut(bodies[number]):
                yield block
                under_way[number].set()
                await under_way[1 - number].wait()

        async def add(number: int) -> Stored:
            try:
                return await service.store.add(image_id, source(number))
            finally:
                under_way[number].set()  # it may be refused before it reads anything

        results = await asyncio.gather(add(0), add(1), return_exceptions=True)
        lost = [each for each in results if isinstance(each, BaseException)]
        assert lost
        assert all(isinstance(each, errors.StoreError) for each in lost)
        for data, result in zip(bodies, results, strict=True):
            if not isinstance(result, BaseException):
                assert await read(service.store, result.url) == data
                await service.store.delete(result.url)
        assert await service.objects() == set()

    # Deleting.

    async def test_deleted_while_it_is_read(self, service: Service) -> None:
        data = content(16 * BLOCK_SIZE)
        stored = await service.store.add(new_id(), cut(data))
        got = b""
        try:
            async with service.store.open(stored.url) as blocks:
                async for block in blocks:
                    if not got:
                        await service.store.delete(stored.url)
                    got += bytes(block)
        except errors.StoreError:
            assert not self.readable_when_deleted
            assert data.startswith(got)
        else:
            assert got == data
        assert await service.objects() == set()

    # What is not there.

    async def test_deleting_what_is_missing(self, service: Service) -> None:
        with pytest.raises(errors.NotFound) as caught:
            await service.store.delete(service.url(new_id()))
        assert caught.value.store == service.store.name

    async def test_deleted_twice(self, service: Service) -> None:
        stored = await service.store.add(new_id(), cut(b"x"))
        await service.store.delete(stored.url)
        with pytest.raises(errors.NotFound):
            await service.store.delete(stored.url)

    async def test_deleting_at_invalid_locations(self, service: Service) -> None:
        await service.store.add(new_id(), cut(b"x"))
        before = await service.objects()
        for url in service.invalid_urls:
            with pytest.raises(errors.InvalidLocation):
                await service.store.delete(url)
        assert await service.objects() == before

    # House-keeping.

    async def test_discard(self, service: Service) -> None:
        image_id, other = new_id(), new_id()
        await service.store.discard(image_id)  # nothing there is fine
        await service.store.add(image_id, cut(content(2 * self.part)))
        kept = await service.store.add(other, cut(b"other"))
        await service.store.discard(image_id)
        await service.store.discard(image_id)
        assert not await service.store.exists(service.url(image_id))
        assert await read(service.store, kept.url) == b"other"
        await service.store.delete(kept.url)
        assert await service.objects() == set()

    # What is there.

    async def test_everything_is_told_of(self, service: Service) -> None:
        """What is there by its image's id, each whole object once, and nothing that is gone."""
        if Capability.LISTED not in service.store.capabilities:
            pytest.skip("the store cannot tell what it holds")
        assert await self._held(service) == {}
        ids = [new_id() for _ in range(3)]
        for image_id, size in zip(ids, (0, 17, 2 * self.part), strict=True):
            await service.store.add(image_id, cut(content(size)))
        assert await self._held(service) == dict.fromkeys(ids, 1)
        await service.store.delete(service.url(ids[0]))
        await service.store.discard(ids[1])
        assert await self._held(service) == {ids[2]: 1}

    async def _held(self, service: Service) -> dict[str, int]:
        """The images of which something is told, and how many whole objects that is of each."""
        found: dict[str, int] = {}
        async for page in service.store.held():
            for held in page:
                found[held.image_id] = found.get(held.image_id, 0) + held.whole
        return found
