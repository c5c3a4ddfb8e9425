"""Two real S3 servers, Ceph's gateway and Swift, and a look into their buckets past the driver."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session

from imagestore.backends.s3 import S3Settings
from imagestore.backends.s3.store import S3Store
from tests.services import swift

SMALLEST = 5
"""MiB of the smallest part that S3 takes."""


@dataclass(frozen=True, slots=True)
class Server:
    """An S3 server and one of its users."""

    url: str
    access: str
    secret: str
    authority: str = ""
    """A file with the certificate that its own is signed by."""
    is_swift: bool = False

    def segments(self, bucket: str) -> set[str]:
        """What Swift makes of parts, in a container that no bucket can be."""
        if not self.is_swift:
            return set()
        return set(swift.account_of(self.url, self.access).names(f"{bucket}+segments"))

    def settings(self, **options: Any) -> S3Settings:
        """Of a store in a new bucket, in the smallest parts."""
        settings = {
            "s3_store_host": self.url,
            "s3_store_access_key": self.access,
            "s3_store_secret_key": self.secret,
            "s3_store_bucket": f"images-{uuid.uuid4()}",
            "s3_store_create_bucket_on_put": True,
            "s3_store_large_object_size": SMALLEST,
            "s3_store_large_object_chunk_size": SMALLEST,
            "s3_store_thread_pools": 4,
            "s3_store_cacert": self.authority,
        }
        return S3Settings(**(settings | options))

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """The SDK's own client."""
        async with _session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.access,
            aws_secret_access_key=self.secret,
            verify=self.authority or None,
            config=AioConfig(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        ) as client:
            yield client


@functools.cache
def _session() -> AioSession:
    """One for all clients: each new one reads the description of S3 again."""
    return get_session()


@dataclass
class S3Service:
    """A started store in a bucket of its own."""

    server: Server
    settings: S3Settings
    store: S3Store
    invalid_urls: list[str] = field(default_factory=list)

    @property
    def bucket(self) -> str:
        return str(self.settings.s3_store_bucket)

    def url(self, image_id: str) -> str:
        scheme, _, host = self.server.url.partition("://")
        return f"{'s3+https' if scheme == 'https' else 's3'}://{host}/{self.bucket}/{image_id}"

    async def objects(self) -> set[str]:
        """Objects, unfinished uploads, and the segments that Swift makes of parts."""
        async with self.server.client() as client:
            found = await keys(client, self.bucket)
            uploads = await client.list_multipart_uploads(Bucket=self.bucket)
            found |= {f"{each['Key']}?{each['UploadId']}" for each in uploads.get("Uploads", ())}
        return found | await asyncio.to_thread(self.server.segments, self.bucket)


async def keys(client: Any, bucket: str) -> set[str]:
    """All keys of a bucket."""
    listed = await client.list_objects_v2(Bucket=bucket)
    return {each["Key"] for each in listed.get("Contents", ())}


@contextlib.asynccontextmanager
async def service(server: Server, *, tidy: bool = True, **options: Any) -> AsyncIterator[S3Service]:
    """A started store on ``server``; everything in its bucket is removed at the end."""
    settings = server.settings(**options)
    made = S3Service(server, settings, S3Store("s3", settings))
    await made.store.start()
    made.invalid_urls = _invalid(made)
    try:
        yield made
    finally:
        await made.store.stop()
        if tidy:
            await _tidy(made)


async def _tidy(made: S3Service) -> None:
    async with made.server.client() as client:
        for key in await keys(client, made.bucket):
            await client.delete_object(Bucket=made.bucket, Key=key)
        uploads = await client.list_multipart_uploads(Bucket=made.bucket)
        for each in uploads.get("Uploads", ()):
            await client.abort_multipart_upload(
                Bucket=made.bucket, Key=each["Key"], UploadId=each["UploadId"]
            )


def _invalid(made: S3Service) -> list[str]:
    place, _, _ = made.url("x").rpartition("/")
    host = made.server.url.partition("://")[2]
    return [
        "",
        "s3://",
        "s3:///",
        "http://example.org/x",
        f"http://{host}/{made.bucket}/x",
        f"swift://{host}/{made.bucket}/x",
        f"s3:{host}/{made.bucket}/x",
        f"s3://{made.bucket}/x",
        f"s3://{host}/other/x",
        f"s3://http://{host}/other/x",
        f"s3://{host}/{made.bucket}",
        f"s3://{host}/{made.bucket}-not/x",
        f"{place}/",
        f"{place}/.",
        f"{place}/..",
        f"{place}/../x",
        f"{place}/sub/x",
        f"{place}/%2e%2e",
        f"{place}/a%2fb",
        f"{place}/a b",
        f"{place}/a\n",
        f"{place}/a\0b",
        f"{place}/a?versionId=b",
        f"{place}/a#b",
    ]
