"""The store: one object per image in one bucket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imagestore.backends.base import Blocks, Capability, Capacity, Held, Pages, Store, Stored
from imagestore.backends.blocks import BlockPool
from imagestore.backends.errors import CannotCopy, Misconfigured, Unavailable
from imagestore.backends.ids import is_id
from imagestore.backends.in_flight import OBJECT
from imagestore.backends.s3.location import S3Location
from imagestore.backends.s3.settings import S3Settings

if TYPE_CHECKING:
    from imagestore.backends.s3.bucket import Bucket


def preload() -> None:
    """Import what stores need when they start, and what the SDK knows of S3."""
    from imagestore.backends.s3 import bucket, client, copying, download, upload  # noqa: F401

    client.preload()


class S3Store(Store):
    """A :class:`~imagestore.backends.base.Store` in a bucket."""

    capabilities = (
        Capability.WRITABLE
        | Capability.RANGED
        | Capability.DIRECT_URL
        | Capability.LISTED
        | Capability.COPIES
    )

    def __init__(self, name: str, settings: S3Settings) -> None:
        self.name = name
        self._settings = settings
        self._pool = BlockPool(block_size=OBJECT.step, kept=2 * OBJECT.depth)
        self._connection = contextlib.AsyncExitStack()
        self._started: Bucket | None = None

    async def start(self) -> None:
        settings = self._settings
        place = S3Location.configured(self.name, settings)
        crc32 = (
            settings.s3_store_enable_data_integrity_protection
            and settings.s3_store_request_checksum_calculation == "when_supported"
        )
        if not (settings.s3_store_md5 or crc32 or place.secure):
            raise Misconfigured(
                "s3_store_md5: without it https, or a CRC32, has to protect what is sent",
                store=self.name,
            )
        try:
            # Only here, so that the options are known where the SDK is not installed.
            from imagestore.backends.s3.bucket import Bucket
            from imagestore.backends.s3.client import connect
        except ModuleNotFoundError as error:
            raise Misconfigured(
                f"the S3 driver needs imagestore[s3]: {error}", store=self.name
            ) from error
        async with contextlib.AsyncExitStack() as stack:
            bucket = Bucket(
                await connect(stack, place, settings),
                place,
                timeout=settings.s3_store_timeout,
                md5=settings.s3_store_md5,
                crc32=crc32,
            )
            if settings.s3_store_create_bucket_on_put and await bucket.is_missing():
                await bucket.create(settings.s3_store_region_name)
            await bucket.check()
            await self.stop()
            self._connection, self._started = stack.pop_all(), bucket

    async def stop(self) -> None:
        self._started = None
        with contextlib.suppress(Exception):
            await self._connection.aclose()

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        from imagestore.backends.s3.upload import Upload

        bucket = self._bucket()
        url = bucket.place.url(image_id)
        upload = Upload(bucket, bucket.place.key(url), self._settings)
        return Stored(url, await upload.add(blocks, size))

    async def copy(
        self,
        image_id: str,
        source: Store,
        url: str,
        size: int,
        *,
        owner: str | None = None,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> Stored:
        from imagestore.backends.s3.copying import Duplicate

        if not isinstance(source, S3Store):
            raise CannotCopy("copies what is on its server", store=self.name)
        bucket, original = self._bucket(), source._bucket()
        made = bucket.place.url(image_id)
        duplicate = Duplicate(bucket, bucket.place.key(made), self._settings)
        await duplicate.copy(original, original.place.key(url), size, on_progress)
        return Stored(made, size)

    @contextlib.asynccontextmanager
    async def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[Blocks]:
        from imagestore.backends.s3.download import Reader

        bucket, key = self._object(url)
        head = await bucket.head(key)
        reader = Reader(bucket, key, head, self._pool)
        end = head.size if length is None else min(head.size, offset + length)
        async with contextlib.aclosing(OBJECT.read(reader.read, offset, end)) as blocks:
            yield blocks

    async def size(self, url: str) -> int:
        bucket, key = self._object(url)
        return (await bucket.head(key)).size

    async def delete(self, url: str) -> None:
        bucket, key = self._object(url)
        await bucket.head(key)
        await bucket.delete(key)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        bucket = self._bucket()
        key = bucket.place.key(bucket.place.url(image_id))
        async for upload in bucket.uploads(key):
            await bucket.abort(key, upload)
        await bucket.delete(key)

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        bucket = self._bucket()
        # The uploads first: what one has made by the time that objects are listed is an object.
        async for uploads in bucket.all_uploads():
            yield [Held(key, whole=False) for key, _ in uploads if is_id(key)]
        async for objects in bucket.objects():
            yield [Held(key, whole=True, size=size) for key, size in objects if is_id(key)]

    async def capacity(self) -> Capacity:
        await self._bucket().ask()
        return Capacity(total=None, free=None)

    def owns(self, url: str) -> bool:
        return S3Location.configured(self.name, self._settings).owns(url)

    def places(self) -> frozenset[str]:
        return frozenset({S3Location.configured(self.name, self._settings).identity()})

    def details(self) -> Mapping[str, Any]:
        settings = self._settings
        return {
            "s3_store_large_object_size": settings.s3_store_large_object_size,
            "s3_store_large_object_chunk_size": settings.s3_store_large_object_chunk_size,
            "s3_store_thread_pools": settings.s3_store_thread_pools,
        }

    def _object(self, url: str) -> tuple[Bucket, str]:
        """Where it lies, and its key there."""
        bucket = self._bucket()
        return bucket, bucket.place.key(url)

    def _bucket(self) -> Bucket:
        if self._started is None:
            raise Unavailable("not started", store=self.name)
        return self._started
