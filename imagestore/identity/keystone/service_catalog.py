"""Where other services are, by the catalog that Keystone shows to a caller."""

from __future__ import annotations

import asyncio
import logging

from keystoneauth1 import exceptions
from keystoneauth1.access.service_catalog import ServiceCatalogV3
from keystoneauth1.discover import Discover

from imagestore.config.settings import Keystone
from imagestore.identity.keystone.credentials import session
from imagestore.model.errors import NotFound, Unauthenticated, Unavailable

log = logging.getLogger(__name__)


class ServiceCatalogs:
    """Asks Keystone with the token of a caller, and nothing else."""

    def __init__(self, settings: Keystone) -> None:
        self._url = str(settings.auth.get("auth_url") or "")
        self._session = session(settings)

    async def image_endpoint(self, token: str, region: str, interface: str) -> str:
        """The URL of the Images API of a region, whose name is compared in any case.

        :class:`NotFound` if the catalog has none, :class:`Unauthenticated` if the token is not
        valid any more, :class:`Unavailable` if Keystone does not answer.
        """
        return await asyncio.to_thread(self._find, token, region, interface)

    def _find(self, token: str, region: str, interface: str) -> str:
        try:
            identity = Discover(self._session, self._url, authenticated=False).url_for((3, 0))
            answer = self._session.get(
                f"{str(identity).rstrip('/')}/auth/catalog",
                headers={"X-Auth-Token": token},
                authenticated=False,
            )
            catalog = ServiceCatalogV3(answer.json()["catalog"])
            found = catalog.get_endpoints_data(service_type="image", interface=interface)
        except exceptions.Unauthorized as error:
            raise Unauthenticated("The token is not valid any more.") from error
        except (exceptions.ClientException, ValueError, KeyError, TypeError) as error:
            log.error("Keystone does not show the catalog of a caller: %s", error)
            raise Unavailable("The identity service does not answer.") from error
        for endpoints in found.values():
            for endpoint in endpoints:
                if (endpoint.region_name or "").lower() == region.lower() and endpoint.url:
                    return str(endpoint.url).rstrip("/").removesuffix("/v2")
        raise NotFound(f"There is no {interface} endpoint of an image service in that region.")
