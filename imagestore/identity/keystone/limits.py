"""Limits of projects as Keystone has them: registered for a service, and set for a project.

Two requests a project, kept for some seconds. oslo.limit would ask the same, but brings
openstacksdk along and wants oslo.config's global object; its options are read as they are.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from cachetools import TTLCache

from imagestore.config.settings import KeystoneLimits as Settings
from imagestore.identity.keystone.credentials import Credentials
from imagestore.identity.keystone.single_flight import SingleFlight
from imagestore.identity.keystone.validation import client, tls
from imagestore.model.errors import ConfigurationError, Unavailable

log = logging.getLogger(__name__)

SECTION = "[oslo_limit]"
FRESH = 10.0
"""Seconds for which the limits of a project count."""
_KEPT = 10_000
_UNKNOWN = "The limits of the project cannot be found out at the moment."


class KeystoneLimits:
    """Asks Keystone, as the account of ``[oslo_limit]``."""

    def __init__(self, settings: Settings) -> None:
        """Raises :class:`ConfigurationError`. Nothing is connected to."""
        self._settings = settings
        if not settings.endpoint_id and not settings.endpoint_service_type:
            raise ConfigurationError(
                f"{SECTION} endpoint_id is not set: the id of this service's endpoint at Keystone, "
                "for which its limits are registered."
            )
        self._credentials = Credentials(settings.account, section=SECTION)
        self._tls = tls(settings.account)
        self._cache: TTLCache[str, dict[str, int]] = TTLCache(_KEPT, FRESH)
        self._flight = SingleFlight[str, dict[str, int]]()
        self._session: aiohttp.ClientSession | None = None
        self._endpoint: dict[str, Any] | None = None

    async def get(self, project: str) -> dict[str, int]:
        """Limits by resource. Raises :class:`Unavailable`."""
        known: dict[str, int] | None = self._cache.get(project)
        if known is not None:
            return known
        return await self._flight.run(project, partial(self._fetch, project))

    async def close(self) -> None:
        await self._flight.close()
        await self._credentials.close()
        if self._session is not None:
            await self._session.close()

    async def _fetch(self, project: str) -> dict[str, int]:
        try:
            async with asyncio.timeout(self._settings.account.http_connect_timeout):
                endpoint = await self._find_endpoint()
                where = {"service_id": endpoint["service_id"]}
                if endpoint.get("region_id"):
                    where["region_id"] = endpoint["region_id"]
                registered = await self._ask("/registered_limits", **where)
                of_project = await self._ask("/limits", project_id=project, **where)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.error("Keystone does not tell the limits of a project: %r", error)
            raise Unavailable(_UNKNOWN) from error
        found = {
            each["resource_name"]: int(each["default_limit"])
            for each in registered["registered_limits"]
        }
        found |= {
            each["resource_name"]: int(each["resource_limit"])
            for each in of_project["limits"]
            if each.get("project_id") == project
        }
        self._cache[project] = found
        return found

    async def _find_endpoint(self) -> dict[str, Any]:
        if self._endpoint is None:
            self._endpoint = await self._look_for_endpoint()
        return self._endpoint

    async def _look_for_endpoint(self) -> dict[str, Any]:
        settings = self._settings
        if settings.endpoint_id:
            found: dict[str, Any] = (await self._ask(f"/endpoints/{settings.endpoint_id}"))[
                "endpoint"
            ]
            return found
        query = {"type": settings.endpoint_service_type}
        if settings.endpoint_service_name:
            query["name"] = settings.endpoint_service_name
        services = (await self._ask("/services", **query))["services"]
        if len(services) == 1:
            where = {"service_id": services[0]["id"]}
            if settings.endpoint_region_name:
                where["region_id"] = settings.endpoint_region_name
            interface = settings.endpoint_interface.removesuffix("URL")
            endpoints = (await self._ask("/endpoints", interface=interface, **where))["endpoints"]
            if len(endpoints) == 1:
                one: dict[str, Any] = endpoints[0]
                return one
        log.error("%s does not describe one endpoint at Keystone.", SECTION)
        raise Unavailable(_UNKNOWN)

    async def _ask(self, path: str, **query: str) -> Any:
        grant = await self._credentials.get()
        if self._session is None:
            self._session = client(self._tls)
        url = f"{grant.endpoint}{path}?{urlencode(query)}" if query else grant.endpoint + path
        async with self._session.get(
            url, headers=dict(grant.headers), allow_redirects=False
        ) as answer:
            if answer.status == 200:
                return orjson.loads(await answer.read())
            if answer.status == 401:
                self._credentials.refuse(grant)
            log.error("Keystone answers %d to %s, asked by %s.", answer.status, path, SECTION)
            raise Unavailable(_UNKNOWN)
