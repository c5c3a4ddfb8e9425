"""Where the knowledge of the caller comes from (``[paste_deploy] flavor``)."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from imagestore.config.settings import Identity
from imagestore.identity.caller import Caller
from imagestore.identity.policy import Policy
from imagestore.model.errors import ConfigurationError, Unauthenticated

log = logging.getLogger(__name__)


class IdentitySource(Protocol):
    """Tells who sends a request."""

    async def identify(self, headers: Mapping[str, str], method: str, path: str) -> Caller:
        """The caller of the request with these headers (names without regard to case).

        ``path`` as in the request line, without the query. Raises :class:`Unauthenticated`
        if it is nobody who may come in, :class:`Unavailable` if that cannot be found out.
        """

    async def close(self) -> None:
        """Let go of what was opened to find out."""


def registry_source(settings: Identity, policy: Policy, secret: str | None) -> IdentitySource:
    """Who asks the registry: whoever the headers name, if the secret comes with them."""
    known: IdentitySource = Unauthenticating()
    if settings.flavor:
        known = TrustedHeaders(policy, allow_anonymous_access=settings.allow_anonymous_access)
    return WithSecret(known, secret) if secret else known


def source(settings: Identity, policy: Policy) -> IdentitySource:
    """The source that ``flavor`` names; one that trusts whoever reaches it says so in the log."""
    if settings.flavor == "":
        log.warning("[paste_deploy] flavor is empty: every caller is an administrator.")
        return Unauthenticating()
    if settings.flavor == "trusted-headers":
        log.warning(
            "[paste_deploy] flavor is trusted-headers: identity headers are believed as they come. "
            "Only a proxy that sets them itself may be able to reach this service."
        )
        return TrustedHeaders(policy, allow_anonymous_access=settings.allow_anonymous_access)
    if settings.flavor == "keystone":
        # Only here: a service without Keystone does without the library.
        from imagestore.identity.keystone.source import KeystoneTokens

        return KeystoneTokens(settings, policy)
    raise ConfigurationError(
        f"[paste_deploy] flavor: {settings.flavor!r} is not known; "
        'use "keystone" or "trusted-headers", or leave it empty for one without authentication.'
    )


class Unauthenticating:
    """Asks nobody for anything: every caller is an administrator without a project."""

    _caller = Caller(roles=frozenset({"admin", "member", "reader"}), is_admin=True)

    async def identify(self, headers: Mapping[str, str], method: str, path: str) -> Caller:
        return self._caller

    async def close(self) -> None: ...


class TrustedHeaders:
    """Believes the headers that an authenticating proxy sets.

    Whoever reaches the service past that proxy can be anyone. The names are those that
    Keystone's own middleware sets, old spellings included.
    """

    _ANONYMOUS = Caller(read_only=True)

    def __init__(self, policy: Policy, *, allow_anonymous_access: bool) -> None:
        self._policy = policy
        self._allow_anonymous_access = allow_anonymous_access

    async def identify(self, headers: Mapping[str, str], method: str, path: str) -> Caller:
        if headers.get("X-Identity-Status") == "Confirmed":
            return caller(headers, self._policy)
        if self._allow_anonymous_access:
            return self._ANONYMOUS
        raise Unauthenticated("Authentication required.")

    async def close(self) -> None: ...


class WithSecret:
    """Lets in who sends a secret as ``X-Auth-Token``, and asks another source who that is."""

    def __init__(self, inner: IdentitySource, secret: str) -> None:
        self._inner, self._secret = inner, secret.encode()

    async def identify(self, headers: Mapping[str, str], method: str, path: str) -> Caller:
        given = headers.get("X-Auth-Token", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._secret):
            raise Unauthenticated("Authentication required.")
        return await self._inner.identify(headers, method, path)

    async def close(self) -> None:
        await self._inner.close()


_EXTRA = {
    "system_scope": ("OpenStack-System-Scope",),
    "user_name": ("X-User-Name",),
    "project_name": ("X-Project-Name", "X-Tenant-Name"),
    "domain_name": ("X-Domain-Name",),
    "user_domain_id": ("X-User-Domain-Id",),
    "user_domain_name": ("X-User-Domain-Name",),
    "project_domain_id": ("X-Project-Domain-Id",),
    "project_domain_name": ("X-Project-Domain-Name",),
    "service_user_id": ("X-Service-User-Id",),
    "service_user_domain_id": ("X-Service-User-Domain-Id",),
    "service_project_id": ("X-Service-Project-Id",),
    "service_project_domain_id": ("X-Service-Project-Domain-Id",),
}
"""Credentials without a field of :class:`Caller`, and the headers that carry them."""


def caller(headers: Mapping[str, str], policy: Policy) -> Caller:
    """The caller that a confirmed set of identity headers describes."""
    extra: dict[str, Any] = {name: _first(headers, *keys) for name, keys in _EXTRA.items()}
    # Keystone sends the header only where an admin project is configured.
    extra["is_admin_project"] = headers.get("X-Is-Admin-Project", "true").lower() == "true"
    if extra["system_scope"] is not None:
        extra["system"] = extra["system_scope"]
    described = Caller(
        user_id=_first(headers, "X-User-Id", "X-User"),
        project_id=_first(headers, "X-Project-Id", "X-Tenant-Id", "X-Tenant"),
        roles=_roles(headers.get("X-Roles") or headers.get("X-Role")),
        service_roles=_roles(headers.get("X-Service-Roles")),
        domain_id=_first(headers, "X-Domain-Id"),
        credentials=extra,
    )
    return replace(described, is_admin=policy.is_admin(described.credentials))


def _first(headers: Mapping[str, str], *names: str) -> str | None:
    """The first of these headers that has a value."""
    for name in names:
        if value := headers.get(name):
            return value
    return None


def _roles(value: str | None) -> frozenset[str]:
    if not value:
        return frozenset()
    return frozenset(role for part in value.split(",") if (role := part.strip().lower()))
