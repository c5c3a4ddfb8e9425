"""What the SDK raises, in the words of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)

from imagestore.backends import errors
from imagestore.backends.errors import StoreError

_NOT_FOUND = {"NoSuchKey", "NoSuchBucket", "NotFound", "404"}
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_FULL = {
    "QuotaExceeded",  # Ceph: of the user or of the bucket
    "EntityTooLarge",  # Swift: of the container or of the account
    "InsufficientStorage",
    "ServiceQuotaExceeded",
    "XMinioStorageFull",
    "413",
    "507",
}
_DENIED = {"AccessDenied", "AllAccessDisabled", "MethodNotAllowed", "403", "405"}

_OPTION_OF = {
    "InvalidAccessKeyId": "s3_store_access_key",
    "InvalidToken": "s3_store_access_key",
    "ExpiredToken": "s3_store_access_key",
    "SignatureDoesNotMatch": "s3_store_secret_key",
    "AccessDenied": "s3_store_access_key",
    "AllAccessDisabled": "s3_store_access_key",
    "NoSuchBucket": "s3_store_bucket",
    "InvalidBucketName": "s3_store_bucket",
    "BucketAlreadyExists": "s3_store_bucket",
    "MethodNotAllowed": "s3_store_bucket_url_format",
    "PermanentRedirect": "s3_store_region_name",
    "AuthorizationHeaderMalformed": "s3_store_region_name",
    "IllegalLocationConstraintException": "s3_store_region_name",
    "InvalidLocationConstraint": "s3_store_region_name",
    "InvalidRegionName": "s3_store_region_name",
    "TooManyBuckets": "s3_store_create_bucket_on_put",
}
"""The option to look at when a request of ``start`` is refused with that code."""

_FAILURES = (ClientError, BotoCoreError, aiohttp.ClientError, OSError, ValueError)


@contextmanager
def while_asking(store: str, url: str = "", *, writing: bool = False) -> Iterator[None]:
    """Turn what a request raises into an error of this package that names ``url``."""
    try:
        yield
    except _FAILURES as error:
        raise translated(error, store, url, writing=writing) from error


@contextmanager
def while_starting(store: str) -> Iterator[None]:
    """Turn what a request raises into ``Misconfigured`` naming the option, if it is one's fault."""
    try:
        yield
    except _FAILURES as error:
        option = _option(error)
        if option is None:
            raise translated(error, store) from error
        raise errors.Misconfigured(f"{option}: {_message(error)}", store=store) from error


def translated(error: Exception, store: str, url: str = "", *, writing: bool = False) -> StoreError:
    """The error that stands for ``error``; what is not known is ``Unavailable``."""
    kind: type[StoreError] = errors.Unavailable
    code = code_of(error)
    if code in _NOT_FOUND:
        kind = errors.NotFound
    elif code in _EXISTS and writing:
        kind = errors.Exists
    elif code in _FULL:
        kind = errors.Full
    elif code in _DENIED and writing:
        kind = errors.ReadOnly
    return kind(_message(error), store=store, url=url)


def code_of(error: BaseException) -> str:
    """The code of S3 that a server answered, or of HTTP where it has no body; else empty."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def _option(error: Exception) -> str | None:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "s3_store_access_key"
    if isinstance(error, SSLError):
        return "s3_store_cacert"
    if isinstance(error, ValueError):  # what the SDK makes of an endpoint that is none
        return "s3_store_host"
    return _OPTION_OF.get(code_of(error))


def _message(error: Exception) -> str:
    """One line without what the server quotes of the request, which may hold its signature."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {}).get("Message") or ""
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        text = f"{error.operation_name}: {status} {code_of(error)}"
        if code_of(error) == "RequestTimeTooSkewed":
            return f"{text}: the clocks of this machine and of the server differ too much"
        return f"{text}: {said.strip()}" if said else text
    return str(error) or type(error).__name__
