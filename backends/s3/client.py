"""The SDK's client as this driver needs it: no retries, no checksums that nobody asked for."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import DataNotFoundError

from imagestore.backends.errors import Misconfigured
from imagestore.backends.s3.faults import while_starting
from imagestore.backends.s3.location import S3Location
from imagestore.backends.s3.settings import S3Settings

_CONNECTIONS = 256
"""To one server: a request beyond waits for a free one, without a limit of time."""


async def connect(stack: AsyncExitStack, place: S3Location, settings: S3Settings) -> Any:
    """A client that ``stack`` closes. Asks nothing of the server yet.

    ``Misconfigured`` names the option that is wrong.
    """
    access, secret = settings.s3_store_access_key, settings.s3_store_secret_key
    if bool(access) != bool(secret):
        missing = "s3_store_secret_key" if access else "s3_store_access_key"
        raise Misconfigured(f"{missing} is not set, but the other one is", store=place.store)
    authorities = settings.s3_store_cacert
    if authorities and not await asyncio.to_thread(Path(authorities).is_file):
        raise Misconfigured(f"s3_store_cacert: no file {authorities}", store=place.store)
    session = get_session()
    session.register_component("data_loader", _descriptions())
    with while_starting(place.store):
        if not access and await session.get_credentials() is None:
            raise Misconfigured(
                "s3_store_access_key is not set, and the SDK finds no credentials elsewhere",
                store=place.store,
            )
        return await stack.enter_async_context(
            session.create_client(
                "s3",
                endpoint_url=place.endpoint,
                region_name=settings.s3_store_region_name or place.region(),
                aws_access_key_id=access or None,
                aws_secret_access_key=secret or None,
                verify=authorities or None,
                config=_config(settings),
            )
        )


@functools.cache
def _descriptions() -> Any:
    """What the SDK reads of S3, a few megabytes of JSON: once for all stores of a process."""
    return get_session().get_component("data_loader")


def preload() -> None:
    """Read what :func:`connect` will ask for, for the processes that are forked to share."""
    with contextlib.suppress(DataNotFoundError):
        for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
            _descriptions().load_data(name)
        for name in ("service-2", "endpoint-rule-set-1"):
            _descriptions().load_service_model("s3", name)


def _config(settings: S3Settings) -> AioConfig:
    protected = settings.s3_store_enable_data_integrity_protection
    return AioConfig(
        s3={
            "addressing_style": settings.s3_store_bucket_url_format,
            # The MD5 that goes with a body is signed; a SHA-256 of it would be calculated on
            # the event loop, and again by the server.
            "payload_signing_enabled": False,
        },
        signature_version="s3v4",
        # Retrying is a wrapper's business.
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=settings.s3_store_timeout,
        read_timeout=settings.s3_store_timeout,
        max_pool_connections=_CONNECTIONS,
        # A body is an aiohttp payload, which the SDK takes but does not know.
        parameter_validation=False,
        # The driver sends the CRC32 of a body itself: the SDK would put it behind the body,
        # in an encoding that Ceph 16 and Swift refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation=(
            settings.s3_store_response_checksum_validation if protected else "when_required"
        ),
        # Hundreds of milliseconds of reading JSON, on a thread.
        warm_up_loader_caches=True,
    )
