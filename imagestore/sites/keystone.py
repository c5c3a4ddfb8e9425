"""Accounts at the Keystone of another site.

keystoneauth knows the ways to get a token, and blocks; it works on a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from imagestore.identity.keystone.credentials import plugin
from imagestore.identity.keystone.single_flight import SingleFlight
from imagestore.model.errors import ConfigurationError, Unavailable
from imagestore.observing import tracing
from imagestore.sites.credentials import Entry, without_version

log = logging.getLogger(__name__)

SERVICE_TYPE = "image"


@dataclass(eq=False)
class Keystone:
    """A token from a Keystone, and the URL from its catalogue unless there is one given."""

    session: Session
    """It has a plugin for authentication."""
    name: str
    """For messages."""
    url: str | None = None
    interface: str | None = None
    region_name: str | None = None

    def __post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "keystone")
        self._flight = SingleFlight[None, Entry]()

    async def get(self) -> Entry:
        return await self._flight.run(None, self._ask)

    def refuse(self, entry: Entry) -> bool:
        return bool(self.session.invalidate())

    async def close(self) -> None:
        await self._flight.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _ask(self) -> Entry:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, copy_context().run, self._authenticate)

    def _authenticate(self) -> Entry:
        """keystoneauth keeps the token, and gets another one before it expires."""
        self.session.additional_headers = tracing.headers()
        try:
            headers = self.session.get_auth_headers()
            url = self.url or self.session.get_endpoint(
                service_type=SERVICE_TYPE, interface=self.interface, region_name=self.region_name
            )
        except exceptions.ClientException as error:
            log.warning("%s: no token from Keystone: %s", self.name, error)
            raise Unavailable(f"Keystone gives no token for {self.name}.") from error
        if not headers or not url:
            raise Unavailable(f"Keystone knows no Images API for {self.name}.")
        return Entry(without_version(url), headers)


def by_plugin(
    auth_type: str,
    auth: Mapping[str, Any],
    *,
    name: str,
    url: str | None = None,
    interface: str | None = None,
    region_name: str | None = None,
    cafile: str | None = None,
    insecure: bool = False,
) -> Keystone:
    """The account that a plugin of keystoneauth makes of its options.

    Raises :class:`ConfigurationError`.
    """
    made = plugin(auth_type, auth, name)
    session = Session(auth=made, verify=not insecure and (cafile or True), timeout=30)
    return Keystone(session, name, url, interface, region_name)


def by_cloud(cloud: str) -> Keystone:
    """The account that ``clouds.yaml`` describes. Raises :class:`ConfigurationError`."""
    try:
        from openstack.config import loader
        from openstack.exceptions import ConfigException
    except ImportError as error:
        raise ConfigurationError(
            f"{cloud!r} is no URL; for names of clouds.yaml install imagestore[clouds]."
        ) from error
    try:
        region = loader.OpenStackConfig().get_one(cloud)
        session = region.get_session()
    except (ConfigException, exceptions.ClientException) as error:
        raise ConfigurationError(f"The cloud {cloud!r} in clouds.yaml: {error}") from error
    interface = region.get_interface(SERVICE_TYPE)
    return Keystone(
        session,
        url=region.get_endpoint(SERVICE_TYPE),
        interface=interface if isinstance(interface, str) else None,
        region_name=region.get_region_name(SERVICE_TYPE),
        name=cloud,
    )
