"""The requests that the driver makes of its bucket, each one with the errors of this package."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from botocore.exceptions import ClientError

from imagestore.backends import errors
from imagestore.backends.base import Buffer
from imagestore.backends.s3.body import Body, Digest, digest
from imagestore.backends.s3.faults import code_of, while_asking, while_starting
from imagestore.backends.s3.location import S3Location

_WRITER = "imagestore-writer"
"""Metadata of an object (``x-amz-meta-…``) that tells which writer made it."""
_LISTED = 1000
"""Objects or uploads named in one answer, S3's most."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a bucket says of an object. ``etag`` without quotes; ``writer`` empty if not ours."""

    size: int
    etag: str
    writer: str
    encrypted: bool
    """Encrypted with a key of the server's customer: its ETag is no MD5."""


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part of an upload as the server has it."""

    number: int
    size: int
    etag: str
    digest: Digest | None = None
    """None of one that the server has copied."""

    def listed(self) -> dict[str, Any]:
        """As it stands in the list that completes the upload."""
        checksum = {} if self.digest is None else self.digest.checksum_crc32
        return {"PartNumber": self.number, "ETag": self.etag, **checksum}


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket behind a client of the SDK. Every method is one request, unless it says more."""

    client: Any
    place: S3Location
    _: KW_ONLY
    timeout: float
    """Seconds without an answer or any progress before a request is ``Unavailable``."""
    md5: bool
    crc32: bool
    """Whether the server is sent one with each body."""

    async def check(self) -> None:
        """Whether it is there and may be listed; ``Misconfigured`` names the wrong option.

        A listing, since the answer to HEAD does not say what is wrong; and without the
        right to list, S3 denies the knowledge that an object is missing.
        """
        with while_starting(self.place.store):
            await self.client.list_objects_v2(Bucket=self.place.bucket, MaxKeys=1)

    async def ask(self) -> None:
        """Whether the server answers for it: ``Unavailable`` if not."""
        await self._ask("list_objects_v2", None, MaxKeys=1)

    async def is_missing(self) -> bool:
        """Whether the server knows no bucket of that name."""
        with while_starting(self.place.store):
            try:
                await self.client.list_objects_v2(Bucket=self.place.bucket, MaxKeys=1)
            except ClientError as error:
                if code_of(error) == "NoSuchBucket":
                    return True
                raise
        return False

    async def create(self, region: str) -> None:
        """Make the bucket, in that region unless it is empty or S3's first, which has no name."""
        where = {"LocationConstraint": region} if region not in ("", "us-east-1") else None
        with while_starting(self.place.store):
            try:
                await self.client.create_bucket(
                    Bucket=self.place.bucket,
                    **({"CreateBucketConfiguration": where} if where else {}),
                )
            except ClientError as error:
                if code_of(error) != "BucketAlreadyOwnedByYou":
                    raise

    # Objects.

    async def head(self, key: str) -> Head:
        """Size and marks of an object, or ``NotFound``."""
        answer = await self._ask("head_object", key)
        return Head(
            answer["ContentLength"],
            answer.get("ETag", "").strip('"'),
            answer.get("Metadata", {}).get(_WRITER, ""),
            _is_encrypted(answer),
        )

    async def find(self, key: str) -> Head | None:
        """The same, but ``None`` if nothing is there."""
        try:
            return await self.head(key)
        except errors.NotFound:
            return None

    async def get(self, key: str, offset: int, length: int, etag: str) -> Any:
        """The SDK's answer to a GET of that range of the object that has that ETag."""
        return await self._ask(
            "get_object",
            key,
            Range=f"bytes={offset}-{offset + length - 1}",
            IfMatch=f'"{etag}"',
        )

    async def objects(self) -> AsyncGenerator[Sequence[tuple[str, int]], None]:
        """Key and size of every object, a page a request."""
        more: dict[str, Any] = {}
        while True:
            answer = await self._ask("list_objects_v2", None, MaxKeys=_LISTED, **more)
            yield [(each["Key"], int(each["Size"])) for each in answer.get("Contents", ())]
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    async def delete(self, key: str) -> None:
        """Remove an object; of one that is not there S3 says the same."""
        await self._ask("delete_object", key, writing=True)

    async def digest(self, buffers: Sequence[Buffer]) -> Digest:
        """What the server is to check those buffers against."""
        return await digest(buffers, md5=self.md5, crc32=self.crc32)

    def body(self, buffers: Sequence[Buffer]) -> Body:
        """Those buffers as the body of a request."""
        return Body(buffers, self.timeout)

    async def put(self, key: str, body: Body, check: Digest, writer: str) -> None:
        """Store a whole object; ``Exists`` if one is there, where the server knows of that.

        ``Unavailable`` if the server has other bytes than were sent.
        """
        answer = await self._ask(
            "put_object",
            key,
            writing=True,
            IfNoneMatch="*",
            Metadata={_WRITER: writer},
            **_sent(body, check),
        )
        self._compare(answer, check, key)

    async def copy(self, key: str, bucket: str, source: str, writer: str) -> None:
        """Make an object of that in a bucket of the same server. Replaces what is there."""
        await self._ask(
            "copy_object",
            key,
            writing=True,
            CopySource={"Bucket": bucket, "Key": source},
            MetadataDirective="REPLACE",
            Metadata={_WRITER: writer},
        )

    # Uploads in parts.

    async def begin(self, key: str, writer: str) -> str:
        """Begin an upload in parts; its id."""
        extra: dict[str, Any] = {"ChecksumAlgorithm": "CRC32"} if self.crc32 else {}
        answer = await self._ask(
            "create_multipart_upload", key, writing=True, Metadata={_WRITER: writer}, **extra
        )
        return str(answer["UploadId"])

    async def uploads(self, key: str) -> AsyncIterator[str]:
        """The ids of all uploads in parts of that key, in as many requests as it takes."""
        async for page in self.all_uploads(key):
            for found, upload in page:
                if found == key:
                    yield upload

    async def all_uploads(
        self, prefix: str = ""
    ) -> AsyncGenerator[Sequence[tuple[str, str]], None]:
        """Key and id of every upload in parts whose key begins so, a page a request."""
        markers: dict[str, Any] = {"Prefix": prefix} if prefix else {}
        while True:
            answer = await self._ask("list_multipart_uploads", None, MaxUploads=_LISTED, **markers)
            yield [(each["Key"], str(each["UploadId"])) for each in answer.get("Uploads", ())]
            if not answer.get("IsTruncated"):
                return
            markers |= {
                "KeyMarker": answer["NextKeyMarker"],
                "UploadIdMarker": answer["NextUploadIdMarker"],
            }

    async def send_part(
        self, key: str, upload: str, number: int, body: Body, check: Digest
    ) -> SentPart:
        """Send one part; ``Unavailable`` if the server has other bytes than were sent."""
        answer = await self._ask(
            "upload_part",
            key,
            writing=True,
            UploadId=upload,
            PartNumber=number,
            **_sent(body, check),
        )
        self._compare(answer, check, key)
        return SentPart(number, len(body), answer["ETag"], check)

    async def copy_part(
        self, key: str, upload: str, number: int, bucket: str, source: str, start: int, length: int
    ) -> SentPart:
        """Make one part of a range of an object in a bucket of the same server."""
        answer = await self._ask(
            "upload_part_copy",
            key,
            writing=True,
            UploadId=upload,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": source},
            CopySourceRange=f"bytes={start}-{start + length - 1}",
        )
        return SentPart(number, length, answer["CopyPartResult"]["ETag"])

    async def complete(self, key: str, upload: str, parts: Sequence[SentPart]) -> None:
        """Make the parts an object; ``Exists`` if one is there, where the server knows of that."""
        await self._ask(
            "complete_multipart_upload",
            key,
            writing=True,
            UploadId=upload,
            MultipartUpload={"Parts": [part.listed() for part in parts]},
            IfNoneMatch="*",
        )

    async def abort(self, key: str, upload: str) -> None:
        """Give up an upload in parts; one that is gone is fine."""
        try:
            await self._ask("abort_multipart_upload", key, writing=True, UploadId=upload)
        except errors.StoreError as error:
            if error.__cause__ is None or code_of(error.__cause__) != "NoSuchUpload":
                raise

    async def _ask(
        self, operation: str, key: str | None, *, writing: bool = False, **parameters: Any
    ) -> Any:
        url = "" if key is None else self.place.url(key)
        if key is not None:
            parameters["Key"] = key
        with while_asking(self.place.store, url, writing=writing):
            return await getattr(self.client, operation)(Bucket=self.place.bucket, **parameters)

    def _compare(self, answer: dict[str, Any], check: Digest, key: str) -> None:
        if check.md5 is None or _is_encrypted(answer):
            return
        if answer["ETag"].strip('"') != check.md5.hex():
            raise errors.Unavailable(
                "the server has other bytes than were sent",
                store=self.place.store,
                url=self.place.url(key),
            )


def _sent(body: Body, check: Digest) -> dict[str, Any]:
    sent = {"Body": body, "ContentLength": len(body)}
    return sent | check.content_md5 | check.checksum_crc32


def _is_encrypted(answer: dict[str, Any]) -> bool:
    """With AWS's key service or with a key that comes with the request."""
    return "SSECustomerAlgorithm" in answer or "kms" in answer.get("ServerSideEncryption", "")
