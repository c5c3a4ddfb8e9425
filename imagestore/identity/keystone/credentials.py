"""The service's own account at Keystone: with its token other tokens are validated.

keystoneauth knows the ways to get one, and blocks; it works on a thread of its own. What it
got is kept until Keystone refuses it or it is about to expire.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from keystoneauth1 import exceptions, loading
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.plugin import BaseAuthPlugin
from keystoneauth1.session import Session

from imagestore.config.settings import Keystone
from imagestore.identity.keystone.single_flight import SingleFlight
from imagestore.model.errors import ConfigurationError, Unavailable
from imagestore.observing import tracing

log = logging.getLogger(__name__)

SECTION = "[keystone_authtoken]"
PAUSE = 3.0
"""Seconds for which a refusal stands, so that a wrong password does not lock the account."""
_RENEW_BEFORE = 120.0
"""Seconds before its expiry at which the own token is replaced, as keystoneauth has it."""

_REFUSED = "The identity service does not let this service in."
_ACCOUNTS = ("password", "v3password")
_SCOPES = ("project_id", "project_name", "domain_id", "domain_name", "system_scope")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request to Keystone needs; ``renew_at`` in seconds since the epoch."""

    headers: Mapping[str, str] = field(repr=False)
    endpoint: str
    """Where version 3 of the Identity API is, without a slash at the end."""
    renew_at: float


class Credentials:
    """Keeps a :class:`Grant` at hand."""

    def __init__(self, settings: Keystone, section: str = SECTION) -> None:
        """Raises :class:`ConfigurationError` if the account is not wholly described."""
        self._settings = settings
        self._section = section
        self._plugin = _plugin(settings, section)
        self._session = session(settings)
        self._thread = ThreadPoolExecutor(1, "keystone")
        self._flight = SingleFlight[None, Grant]()
        self._grant: Grant | None = None
        self._refused_at: float | None = None

    @property
    def auth_url(self) -> str | None:
        """Where tokens come from, if the plugin has such a place."""
        return getattr(self._plugin, "auth_url", None)

    async def get(self) -> Grant:
        """A grant that was good a moment ago. Raises :class:`Unavailable`."""
        grant = self._grant
        if grant is not None and time.time() < grant.renew_at:
            return grant
        if self._refused_at is not None and time.monotonic() < self._refused_at + PAUSE:
            raise Unavailable(_REFUSED)
        return await self._flight.run(None, self._renew)

    def refuse(self, grant: Grant) -> None:
        """Keystone does not take ``grant``: the next one is to be a new one."""
        if self._grant is grant:
            self._grant = None

    async def close(self) -> None:
        await self._flight.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _renew(self) -> Grant:
        loop = asyncio.get_running_loop()
        self._grant = await loop.run_in_executor(
            self._thread, copy_context().run, self._authenticate
        )
        return self._grant

    def _authenticate(self) -> Grant:
        settings, plugin = self._settings, self._plugin
        self._session.additional_headers = tracing.headers()
        try:
            plugin.invalidate()
            headers = self._session.get_auth_headers(plugin)
            endpoint = self._session.get_endpoint(
                plugin,
                service_type="identity",
                interface=settings.interface,
                region_name=settings.region_name,
                version=(3, 0),
            )
            if not headers or not endpoint:
                raise exceptions.EndpointNotFound("there is no token, or no endpoint")
        except exceptions.Unauthorized as error:
            self._refused_at = time.monotonic()
            log.error("Keystone refuses the account of %s: %s", self._section, error)
            raise Unavailable(_REFUSED) from error
        except exceptions.EndpointNotFound as error:
            log.error(
                "Keystone does not say where it is itself for %s interface = %s, region_name = %s: "
                "%s", self._section, settings.interface, settings.region_name, error,
            )  # fmt: skip
            raise Unavailable("The identity service cannot be found.") from error
        except exceptions.ClientException as error:
            log.error("Keystone does not give this service a token: %s", error)
            raise Unavailable("The identity service does not answer.") from error
        return Grant(headers, endpoint.rstrip("/"), _renew_at(plugin))


def _plugin(settings: Keystone, section: str) -> BaseAuthPlugin:
    if not settings.auth_type:
        raise ConfigurationError(
            f"{section} auth_type is not set, and the flavor keystone needs an account of its own "
            "at Keystone: password with auth_url, username, password, user_domain_name, "
            "project_name and project_domain_name, say."
        )
    if missing := _missing(settings.auth_type, settings.auth):
        raise ConfigurationError(
            f"{section} {', '.join(missing)}: needed by auth_type = {settings.auth_type}, not set."
        )
    return plugin(settings.auth_type, settings.auth, section)


def plugin(auth_type: str, auth: Mapping[str, Any], section: str) -> BaseAuthPlugin:
    """What keystoneauth makes of the options. Raises :class:`ConfigurationError`."""
    try:
        loader: Any = loading.get_plugin_loader(auth_type)
        made: BaseAuthPlugin = loader.load_from_options(**auth)
    except exceptions.MissingRequiredOptions as error:
        names = ", ".join(option.dest for option in error.options)
        raise ConfigurationError(
            f"{section} {names}: needed by auth_type = {auth_type}, not set."
        ) from error
    except (exceptions.ClientException, TypeError, ValueError) as error:
        raise ConfigurationError(f"{section} auth_type = {auth_type}: {error}") from error
    return made


def _missing(auth_type: str, auth: Mapping[str, Any]) -> list[str]:
    """What keystoneauth would miss only when it talks to Keystone."""
    if auth_type not in _ACCOUNTS:
        return []
    wanted = [("auth_url",), ("username", "user_id"), ("password",), _SCOPES]
    if "username" in auth:
        wanted.append(("user_domain_name", "user_domain_id", *_DEFAULT_DOMAINS))
    if "project_name" in auth:
        wanted.append(("project_domain_name", "project_domain_id", *_DEFAULT_DOMAINS))
    return [names[0] for names in wanted if not any(auth.get(name) for name in names)]


_DEFAULT_DOMAINS = ("default_domain_name", "default_domain_id")


def session(settings: Keystone) -> Session:
    """How Keystone is asked through keystoneauth: its certificate checked, ours shown."""
    cert: str | tuple[str, str] | None = str(settings.certfile) if settings.certfile else None
    if settings.certfile and settings.keyfile:
        cert = str(settings.certfile), str(settings.keyfile)
    return Session(
        verify=not settings.insecure and (str(settings.cafile) if settings.cafile else True),
        cert=cert,
        timeout=settings.http_connect_timeout,
        user_agent="imagestore",
    )


def _renew_at(plugin: BaseAuthPlugin) -> float:
    """When to replace what the plugin has now: late in a short life, never in one without end."""
    access = plugin.auth_ref if isinstance(plugin, BaseIdentityPlugin) else None
    if access is None or access.expires is None:
        return float("inf")
    end, now = access.expires.timestamp(), time.time()
    return end - min(_RENEW_BEFORE, (end - now) / 2)
