"""Uploads: their parts, and other writers of the same id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import accumulate, islice

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Buffer
from imagestore.backends.in_flight import PARTS
from imagestore.backends.s3 import bucket
from imagestore.backends.s3.body import digest
from imagestore.backends.s3.bucket import Bucket, SentPart
from imagestore.backends.s3.upload import MAX_PARTS, Upload, part_sizes
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read

from .servers import S3Service, Server, service

TIB = 1 << 40
SIZES = pytest.mark.parametrize("size", [4 * MIB, 12 * MIB], ids=["whole", "in parts"])


@pytest.fixture
async def made(plain_server: Server) -> AsyncIterator[S3Service]:
    async with service(plain_server) as made:
        yield made


def test_parts_of_a_known_size_are_equal_and_few_enough() -> None:
    assert list(islice(part_sizes(10 * MIB, 5 * MIB), 2)) == [10 * MIB] * 2
    part = next(part_sizes(10 * MIB, TIB))
    assert part * MAX_PARTS >= TIB
    assert (part - 1) * MAX_PARTS < TIB


def test_parts_of_an_unknown_size_grow() -> None:
    sizes = list(islice(part_sizes(10 * MIB, None), MAX_PARTS))
    assert sizes[:2000] == [10 * MIB] * 2000
    assert sizes == sorted(sizes)
    assert sum(sizes) >= TIB
    ends = accumulate(sizes)
    assert max(size for size, end in zip(sizes, ends, strict=True) if end < 90 << 30) < 48 * MIB


async def test_parts_that_are_held_fit_into_the_memory(server: Server) -> None:
    settings = server.settings(s3_store_thread_pools=10)
    upload = Upload(None, "key", settings)  # type: ignore[arg-type]
    for mib in (5, 10, 20, 32):
        part: list[Buffer] = [bytes(mib * MIB)]
        assert (upload._at_once(part) + 1) * mib * MIB <= PARTS
    assert upload._at_once([bytes(MIB)]) == 10
    assert upload._at_once([bytes(100 * MIB)]) == 1


@SIZES
async def test_an_object_that_comes_meanwhile_stays(made: S3Service, size: int) -> None:
    image_id = new_id()
    async with made.server.client() as client:

        async def source() -> AsyncIterator[Buffer]:
            async for block in cut(content(size)):
                yield block
            await client.put_object(Bucket=made.bucket, Key=image_id, Body=b"other")

        with pytest.raises(errors.Exists):
            await made.store.add(image_id, source())
    assert await read(made.store, made.url(image_id)) == b"other"
    assert await made.objects() == {image_id}


@SIZES
async def test_an_upload_that_comes_meanwhile_goes_on(made: S3Service, size: int) -> None:
    image_id = new_id()
    uploads = []
    async with made.server.client() as client:

        async def source() -> AsyncIterator[Buffer]:
            async for block in cut(content(size)):
                yield block
            begun = await client.create_multipart_upload(Bucket=made.bucket, Key=image_id)
            uploads.append(begun["UploadId"])

        with pytest.raises(errors.Exists):
            await made.store.add(image_id, source())
        assert not await made.store.exists(made.url(image_id))
        assert {key for key in await made.objects() if "?" in key} == {f"{image_id}?{uploads[0]}"}
        await made.store.discard(image_id)
        assert await made.objects() == set()
        await made.store.add(image_id, cut(b"now it is free"))


async def test_completed_by_two_at_once_on_a_server_that_replaces(
    ceph_http: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one whose object was replaced is told so, and leaves the other's alone."""
    complete = Bucket.complete
    async with service(ceph_http) as made, ceph_http.client() as client:

        async def replaced(self: Bucket, key: str, upload: str, parts: list[SentPart]) -> None:
            await complete(self, key, upload, parts)
            await client.put_object(Bucket=made.bucket, Key=key, Body=b"other")

        monkeypatch.setattr(Bucket, "complete", replaced)
        image_id = new_id()
        with pytest.raises(errors.Exists):
            await made.store.add(image_id, cut(content(12 * MIB)))
        assert await read(made.store, made.url(image_id)) == b"other"


@SIZES
@pytest.mark.parametrize(("md5", "crc32"), [(True, False), (True, True), (False, True)])
async def test_bytes_that_change_on_the_way(
    swift_server: Server, monkeypatch: pytest.MonkeyPatch, size: int, md5: bool, crc32: bool
) -> None:
    """The digest that goes with a body is of other bytes: the server refuses it."""
    options = {
        "s3_store_md5": md5,
        "s3_store_enable_data_integrity_protection": crc32,
        "s3_store_request_checksum_calculation": "when_supported",
    }
    async with service(swift_server, **options) as made:

        async def of_others(self: Bucket, buffers: list[Buffer]) -> object:
            return await digest([b"changed", *buffers[1:]], md5=md5, crc32=crc32)

        monkeypatch.setattr(Bucket, "digest", of_others)
        with pytest.raises(errors.Unavailable, match=r"Digest|Checksum"):
            await made.store.add(new_id(), cut(content(size)))
        assert await made.objects() == set()


async def test_discard_of_an_upload_left_behind(made: S3Service) -> None:
    image_id = new_id()
    async with made.server.client() as client:
        for _ in range(2):
            begun = await client.create_multipart_upload(Bucket=made.bucket, Key=image_id)
            await client.upload_part(
                Bucket=made.bucket,
                Key=image_id,
                UploadId=begun["UploadId"],
                PartNumber=1,
                Body=content(100_000),
            )
        longer = await client.create_multipart_upload(Bucket=made.bucket, Key=f"{image_id}-2")
    with pytest.raises(errors.Exists):
        await made.store.add(image_id, cut(b"x"))
    await made.store.discard(image_id)
    left = await made.objects()
    assert {key for key in left if "?" in key} == {f"{image_id}-2?{longer['UploadId']}"}
    await made.store.discard(f"{image_id}-2")
    assert await made.objects() == set()


async def test_uploads_that_were_never_completed_are_told_of(
    made: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pages; and what lies there under a name of another kind is not."""
    monkeypatch.setattr(bucket, "_LISTED", 2)
    whole, left = [new_id() for _ in range(3)], [new_id() for _ in range(3)]
    for image_id in whole:
        await made.store.add(image_id, cut(b"whole"))
    async with made.server.client() as client:
        for name in (*left, left[0], "backup", f"{new_id()}.bak"):
            await client.create_multipart_upload(Bucket=made.bucket, Key=name)
        for name in ("README", f"folder/{new_id()}"):
            await client.put_object(Bucket=made.bucket, Key=name, Body=b"x")
    pages = [page async for page in made.store.held()]
    assert max(map(len, pages)) <= 2
    found = [each for page in pages for each in page]
    assert sorted(each.image_id for each in found if each.whole) == sorted(whole)
    assert {each.size for each in found if each.whole} == {5}
    assert sorted(each.image_id for each in found if not each.whole) == sorted([*left, left[0]])
    for image_id in left:
        await made.store.discard(image_id)
    assert sorted([each.image_id async for page in made.store.held() for each in page]) == (
        sorted(whole)
    )
