"""The options of an S3 store."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagestore.backends.base import option


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Options in a store's section; names and meaning are Glance's where Glance has them."""

    s3_store_host: str | None = field(
        default=None,
        metadata=option(
            "s3_store_host",
            "Where the server is: https://host, http://host:port, or host alone, which "
            "means http. Without this scheme and port it is part of each location.",
        ),
    )
    s3_store_region_name: str = field(
        default="",
        metadata=option(
            "s3_store_region_name",
            "The region of the bucket. Empty: from a host of Amazon's, else us-east-1.",
        ),
    )
    s3_store_access_key: str | None = field(
        default=None,
        metadata=option(
            "s3_store_access_key",
            "The access key. Without it and the secret key they are looked for where Amazon's "
            "SDK does: in the environment, its files, the role of the machine.",
            secret=True,
        ),
    )
    s3_store_secret_key: str | None = field(
        default=None,
        metadata=option("s3_store_secret_key", "The secret of the access key.", secret=True),
    )
    s3_store_bucket: str | None = field(
        default=None,
        metadata=option("s3_store_bucket", "The bucket that holds the images."),
    )
    s3_store_create_bucket_on_put: bool = field(
        default=False,
        metadata=option(
            "s3_store_create_bucket_on_put", "Make the bucket at the start if it is missing."
        ),
    )
    s3_store_bucket_url_format: str = field(
        default="auto",
        metadata=option(
            "s3_store_bucket_url_format",
            "Where a request names the bucket: path (host/bucket), virtual (bucket.host), or "
            "auto, which is virtual where the names allow it.",
            choices=("auto", "path", "virtual"),
        ),
    )
    s3_store_large_object_size: int = field(
        default=100,
        metadata=option(
            "s3_store_large_object_size",
            "MiB from which an object is uploaded in parts. What does not fit into one part "
            "is uploaded in parts in any case.",
            minimum=0,
        ),
    )
    s3_store_large_object_chunk_size: int = field(
        default=10,
        metadata=option(
            "s3_store_large_object_chunk_size",
            "MiB of a part. Parts are larger where 10,000 of them would not hold the object.",
            minimum=5,
        ),
    )
    s3_store_thread_pools: int = field(
        default=10,
        metadata=option(
            "s3_store_thread_pools",
            "Parts of an object that are uploaded at the same time, as far as 64 MiB hold them.",
            minimum=1,
        ),
    )
    s3_store_cacert: str = field(
        default="",
        metadata=option(
            "s3_store_cacert",
            "A file with the certificates of the authorities to trust. Empty: the system's.",
        ),
    )
    s3_store_enable_data_integrity_protection: bool = field(
        default=False,
        metadata=option(
            "s3_store_enable_data_integrity_protection",
            "Let the next two options count. What is sent carries an MD5 in any case.",
        ),
    )
    s3_store_request_checksum_calculation: str = field(
        default="when_required",
        metadata=option(
            "s3_store_request_checksum_calculation",
            "when_supported sends a CRC32 with each part too, which the server keeps. Ceph "
            "before release 18 does not know it.",
            choices=("when_required", "when_supported"),
        ),
    )
    s3_store_response_checksum_validation: str = field(
        default="when_required",
        metadata=option(
            "s3_store_response_checksum_validation",
            "when_supported asks for the checksum that the server keeps. It has none for a "
            "range, which is how images are read.",
            choices=("when_required", "when_supported"),
        ),
    )
    s3_store_timeout: float = field(
        default=60.0,
        metadata=option(
            "s3_store_timeout",
            "Seconds without an answer or any progress after which a request counts as failed.",
            minimum=1,
        ),
    )
