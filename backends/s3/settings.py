"""The options of an S3 store."""

from __future__ import annotations

from dataclasses import dataclass

from imagestore.backends.base import option

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Options in a store's section; names and meaning are Glance's where Glance has them."""

    s3_store_host: str | None = option(None, help=
        "Where the server is: https://host, http://host:port, or host alone, which means http. "
        "Without this scheme and port it is part of each location.")
    s3_store_region_name: str = option("", help=
        "The region of the bucket. Empty: from a host of Amazon's, else us-east-1.")
    s3_store_access_key: str | None = option(None, secret=True, help=
        "The access key. Without it and the secret key they are looked for where Amazon's SDK "
        "does: in the environment, its files, the role of the machine.")
    s3_store_secret_key: str | None = option(None, secret=True, help=
        "The secret of the access key.")
    s3_store_bucket: str | None = option(None, help="The bucket that holds the images.")
    s3_store_create_bucket_on_put: bool = option(False, help=
        "Make the bucket at the start if it is missing.")
    s3_store_bucket_url_format: str = option("auto", choices=("auto", "path", "virtual"), help=
        "Where a request names the bucket: path (host/bucket), virtual (bucket.host), or auto, "
        "which is virtual where the names allow it.")
    s3_store_large_object_size: int = option(100, minimum=0, unit="MiB", help=
        "MiB from which an object is uploaded in parts. What does not fit into one part is "
        "uploaded in parts in any case.")
    s3_store_large_object_chunk_size: int = option(10, minimum=5, unit="MiB", help=
        "MiB of a part. Parts are larger where 10,000 of them would not hold the object.")
    s3_store_thread_pools: int = option(10, minimum=1, help=
        "Parts of an object that are uploaded at the same time, as far as 64 MiB hold them.")
    s3_store_cacert: str = option("", help=
        "A file with the certificates of the authorities to trust. Empty: the system's.")
    s3_store_md5: bool = option(True, help=
        "Send an MD5 with each part, and compare what the server says that it has. That costs as "
        "much as the checksum of the image. Without it TLS has to protect what is sent, or a CRC32 "
        "(the next two options); and buckets with object lock take no part without either.")
    s3_store_enable_data_integrity_protection: bool = option(False, help=
        "Let the next two options count.")
    s3_store_request_checksum_calculation: str = option(
        "when_required", choices=("when_required", "when_supported"), help=
        "when_supported sends a CRC32 with each part, which the server keeps. Ceph before "
        "release 18 does not know it.")
    s3_store_response_checksum_validation: str = option(
        "when_required", choices=("when_required", "when_supported"), help=
        "when_supported asks for the checksum that the server keeps. It has none for a range, "
        "which is how images are read.")
    s3_store_timeout: float = option(60.0, minimum=1, unit="seconds", help=
        "Seconds without an answer or any progress after which a request counts as failed.")
