"""``glance-download``: an image of another region of the cloud, asked for with the caller's token.

Where that region has its Images API the catalog says that Keystone shows to the caller. The
token is sent there and nowhere else: no redirect is followed. It may have to wait, in a job that
outlives processes, and waits sealed; see :mod:`imagestore.identity.keystone.sealing`.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from imagestore.backends.base import Blocks
from imagestore.backends.http import AddressRules
from imagestore.backends.http.connections import Connections
from imagestore.backends.http.fetch import Fetcher
from imagestore.backends.http.guard import Guard
from imagestore.backends.http.target import Target
from imagestore.backends.http.transport import Transport
from imagestore.catalog.jobs import GiveUp
from imagestore.config.settings import Settings
from imagestore.database.sizes import TEXT
from imagestore.identity.keystone.sealing import NotSealedHere, Seal
from imagestore.model.digest import CHECKSUM, Digest, Expected, known
from imagestore.model.errors import Invalid, NotFound, Unauthenticated
from imagestore.model.image import BASE_ATTRIBUTES, RESERVED, RESERVED_PREFIX, Image
from imagestore.model.import_request import Method, Order
from imagestore.transfer.verification import Verified

if TYPE_CHECKING:
    from imagestore.identity.keystone.service_catalog import ServiceCatalogs

REGION, IMAGE, INTERFACE = "glance_region", "glance_image_id", "glance_service_interface"
_INTERFACES = ("public", "internal", "admin")
_DOCUMENT = 1 << 20
"""Bytes that the description of an image may have."""
_LONGEST_NAME, _LONGEST_VALUE = 255, TEXT
"""Characters and bytes of a property, as the database holds them."""


def checked(source: Mapping[str, Any]) -> dict[str, str]:
    """The source as a request names it, complete. Raises :class:`Invalid`."""
    found = {INTERFACE: "public", **source}
    for name in (REGION, IMAGE):
        if name not in found:
            raise Invalid(f"'{name}' needs to be set for glance-download import method")
    for name in (REGION, IMAGE, INTERFACE):
        if not isinstance(found[name], str):
            raise Invalid(f"'{name}' must be a string.")
    try:
        uuid.UUID(found[IMAGE])
    except ValueError:
        raise Invalid(f"Remote image id does not look like a UUID: {found[IMAGE]}") from None
    return {name: found[name] for name in (REGION, IMAGE, INTERFACE)}


@dataclass(frozen=True, slots=True)
class Remote:
    """``image``: as the one here is to be; ``size`` in bytes, and ``blocks`` are verified."""

    image: Image
    size: int
    blocks: Blocks


class Remotes:
    """Opens images of other regions."""

    def __init__(self, settings: Settings) -> None:
        keystone = settings.identity.keystone
        self.seal = Seal(keystone)
        self._keystone = keystone
        if Method.GLANCE_DOWNLOAD.value in settings.images.enabled_import_methods:
            _ = self._catalogs  # now, and not in the middle of other people's requests
        self._patience = settings.server.progress_timeout
        self._least = settings.server.least_rate
        self._images = settings.images
        self._limits = settings.limits
        self._prefixes = settings.imports.extra_properties

    @contextlib.asynccontextmanager
    async def open(self, image: Image, order: Order, most: int) -> AsyncIterator[Remote]:
        """The image that the order names, to become ``image``; ``most`` bytes of it.

        Raises :class:`GiveUp` for what will not be otherwise the next time, and the errors of
        the fetcher, which name no store.
        """
        token = await self._token(order)
        endpoint = await self._endpoint(token, order.source)
        url = f"{endpoint}/v2/images/{uuid.UUID(order.source[IMAGE])}"
        async with self._fetcher(endpoint, token) as fetcher:
            described = _understood(await _document(fetcher, url))
            size = _size(described)
            async with fetcher.open(f"{url}/file", most=most) as fetched:
                if fetched.head.size not in (None, size):
                    raise GiveUp("The source sends another number of bytes than it has told.")
                expected = Expected(size, _digests(described)[:1])
                verified = Verified(fetched.blocks, expected, of="What the source sends")
                yield Remote(self._merged(image, described), size, verified.blocks())

    async def _token(self, order: Order) -> str:
        try:
            return await self.seal.open(order.token)
        except NotSealedHere as error:
            raise GiveUp(
                "The caller's token was taken by a node with another account at Keystone."
            ) from error

    async def _endpoint(self, token: str, source: Mapping[str, Any]) -> str:
        interface = source[INTERFACE]
        if interface not in _INTERFACES:
            raise GiveUp(f"An endpoint's interface is one of: {', '.join(_INTERFACES)}.")
        try:
            return await self._catalogs.image_endpoint(token, source[REGION], interface)
        except (NotFound, Unauthenticated) as error:
            raise GiveUp(error.message) from error

    @cached_property
    def _catalogs(self) -> ServiceCatalogs:
        # Only here: a service that asks no other region does without keystoneauth.
        from imagestore.identity.keystone.service_catalog import ServiceCatalogs

        return ServiceCatalogs(self._keystone)

    @contextlib.asynccontextmanager
    async def _fetcher(self, endpoint: str, token: str) -> AsyncIterator[Fetcher]:
        """For the host and port of the endpoint alone, which the operator has named."""
        # The catalog is the operator's: what it names may lie inside, and on any port.
        try:
            target = Target.parse(endpoint)
        except ValueError as error:
            raise GiveUp("The endpoint in Keystone's catalog is not understood.") from error
        ports = () if target.port is None else (target.port,)
        guard = Guard(AddressRules(allowed_hosts=(target.host,), allowed_ports=ports))
        connections = Connections(guard, Transport())
        await connections.start()
        try:
            yield Fetcher(
                guard,
                connections,
                answer_timeout=self._patience,
                progress_timeout=self._patience,
                least=self._least,
                redirects=0,
                headers={"X-Auth-Token": token},
            )
        finally:
            await connections.stop()

    def _merged(self, image: Image, described: Mapping[str, Any]) -> Image:
        """The image here with formats and properties of the one there."""
        disk_format = described.get("disk_format")
        container_format = described.get("container_format")
        if disk_format not in self._images.disk_formats:
            raise GiveUp("The source has a disk_format that is not accepted here.")
        if container_format not in self._images.container_formats:
            raise GiveUp("The source has a container_format that is not accepted here.")
        taken = {name: value for name, value in described.items() if self._is_taken(name, value)}
        properties = {**image.properties, **taken}
        quota = self._limits.image_property_quota
        own = [name for name in properties if not name.startswith(RESERVED_PREFIX)]
        if taken and 0 <= quota < len(own):
            raise GiveUp(f"The image would have more than {quota} properties.")
        return replace(
            image,
            properties=properties,
            disk_format=disk_format,
            container_format=container_format,
        )

    def _is_taken(self, name: str, value: Any) -> bool:
        return (
            isinstance(value, str)
            and name.startswith(self._prefixes)
            and not name.startswith(RESERVED_PREFIX)
            and name not in BASE_ATTRIBUTES | RESERVED
            and 0 < len(name) <= _LONGEST_NAME
            and len(value.encode()) <= _LONGEST_VALUE
            and all("\0" < char <= "\uffff" for char in name + value)
        )


async def _document(fetcher: Fetcher, url: str) -> bytes:
    async with fetcher.open(url, most=_DOCUMENT) as fetched:
        return b"".join([bytes(block) async for block in fetched.blocks])


def _understood(document: bytes) -> dict[str, Any]:
    try:
        described = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise GiveUp("What the source tells of the image is not understood.") from error
    if not isinstance(described, dict):
        raise GiveUp("What the source tells of the image is not understood.")
    if described.get("status") != "active":
        raise GiveUp(f"The source has to be active; it is {str(described.get('status'))[:30]}.")
    return described


def _size(described: Mapping[str, Any]) -> int:
    size = described.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise GiveUp("The source does not tell its size.")
    return size


def _digests(described: Mapping[str, Any]) -> tuple[Digest, ...]:
    hash_ = described.get("os_hash_algo"), described.get("os_hash_value")
    return known(hash_, (CHECKSUM, described.get("checksum")))
