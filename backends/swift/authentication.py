"""Tokens: from Keystone or from Swift's tempauth, by the libraries that exist for it.

Both libraries are synchronous, so everything here runs on a thread.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from imagestore.backends.errors import Misconfigured, Unavailable
from imagestore.backends.swift.credentials import Credentials
from imagestore.backends.swift.settings import SwiftSettings

_UNAUTHORIZED = (401, 403)


class Refused(Exception):
    """The credentials are wrong; the message says whose answer that is, and shows no secret."""


@dataclass(frozen=True, slots=True)
class Access:
    """A token and what it opens."""

    token: str = field(repr=False)
    account_url: str
    """Where the account is, without a slash at its end."""
    project: str
    """What the account's name ends with."""
    expires: float | None
    """On the monotonic clock, in seconds; ``None`` if only a 401 tells."""


class Authentication:
    """Fetches tokens for one account. Its methods block."""

    def __init__(self, store: str, credentials: Credentials, settings: SwiftSettings) -> None:
        """Raises :class:`Misconfigured` if the libraries are not installed."""
        self._store = store
        self._credentials = credentials
        self._settings = settings
        self._swiftclient, self._identity, self._sessions = _libraries(store)

    def access(self) -> Access:
        """A new token. :class:`Refused` if the credentials are not accepted.

        :class:`Misconfigured` if the catalogue has no such endpoint, :class:`Unavailable`
        if the service does not answer.
        """
        with self._failures():
            if self._credentials.is_tempauth:
                access = self._from_tempauth()
            else:
                access = self._from_keystone()
        return access

    def _from_tempauth(self) -> Access:
        credentials, settings = self._credentials, self._settings
        url, token = self._swiftclient.get_auth(
            credentials.auth_address,
            credentials.user,
            credentials.key,
            auth_version="1",
            insecure=settings.swift_store_auth_insecure,
            cacert=settings.swift_store_cacert,
            timeout=self._timeout,
        )
        return Access(token, self._account_url(url), credentials.project, None)

    def _from_keystone(self) -> Access:
        credentials, settings = self._credentials, self._settings
        if credentials.application_credential_id:
            plugin = self._identity.V3ApplicationCredential(
                auth_url=_versioned(credentials.auth_address),
                application_credential_id=credentials.application_credential_id,
                application_credential_secret=credentials.application_credential_secret,
            )
        else:
            plugin = self._identity.V3Password(
                auth_url=_versioned(credentials.auth_address),
                username=credentials.user_name,
                password=credentials.key,
                project_name=credentials.project,
                user_domain_id=credentials.user_domain_id,
                user_domain_name=credentials.user_domain_name,
                project_domain_id=credentials.project_domain_id,
                project_domain_name=credentials.project_domain_name,
            )
        session = self._sessions.Session(
            auth=plugin,
            verify=not settings.swift_store_auth_insecure and (settings.swift_store_cacert or True),
            timeout=self._timeout,
        )
        with contextlib.closing(session.session):
            granted = plugin.get_access(session)
            url = settings.swift_store_endpoint or granted.service_catalog.url_for(
                service_type=settings.swift_store_service_type,
                interface=settings.swift_store_endpoint_type,
                region_name=settings.swift_store_region,
            )
        left = granted.expires.timestamp() - time.time()
        return Access(
            granted.auth_token, self._account_url(url), granted.project_id, time.monotonic() + left
        )

    def _account_url(self, url: str) -> str:
        return (self._settings.swift_store_endpoint or url).rstrip("/")

    @property
    def _timeout(self) -> float:
        return self._settings.swift_store_connect_timeout

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise what the libraries raise as what it means."""
        from keystoneauth1 import exceptions as keystone
        from requests.exceptions import RequestException, SSLError
        from swiftclient.exceptions import ClientException

        where = self._credentials.auth_address
        try:
            yield
        except ClientException as error:
            if error.http_status in _UNAUTHORIZED:
                raise Refused(f"{where} does not accept user and key") from error
            if error.http_status == 404:
                raise self._misconfigured("auth_address", f"nothing is at {where}") from error
            raise self._unavailable(f"{where} answers {error.http_status}") from error
        except (keystone.Unauthorized, keystone.Forbidden) as error:
            raise Refused(f"{where} does not accept the credentials") from error
        except keystone.EndpointNotFound as error:
            raise Misconfigured(
                "swift_store_service_type, swift_store_endpoint_type, swift_store_region: "
                "Keystone's catalogue has no such endpoint",
                store=self._store,
            ) from error
        except keystone.NotFound as error:
            raise self._misconfigured("auth_address", f"no Keystone is at {where}") from error
        except (keystone.SSLError, SSLError) as error:
            raise self._misconfigured("cacert", f"{where} is not trusted") from error
        except (keystone.ClientException, RequestException, OSError) as error:
            raise self._unavailable(f"{where} does not answer: {type(error).__name__}") from error

    def _misconfigured(self, option: str, reason: str) -> Misconfigured:
        return Misconfigured(f"swift_store_{option}: {reason}", store=self._store)

    def _unavailable(self, message: str) -> Unavailable:
        return Unavailable(message, store=self._store)


def _versioned(address: str) -> str:
    """The address of Keystone's version 3, which old files name without a version, or as 2."""
    base, _, last = address.rstrip("/").rpartition("/")
    if last == "v3":
        return address.rstrip("/")
    return f"{base if last == 'v2.0' else address.rstrip('/')}/v3"


def preload() -> None:
    """Import what stores need when they start."""
    _libraries("")


def _libraries(store: str) -> tuple[ModuleType, Any, Any]:
    try:
        import swiftclient.client
        from keystoneauth1 import identity, session
    except ImportError as error:
        raise Misconfigured(
            f"stores of type swift need the extra imagestore[swift]: {error}", store=store
        ) from error
    return swiftclient.client, identity, session
