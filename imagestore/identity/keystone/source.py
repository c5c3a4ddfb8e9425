"""The caller of a request, from the tokens that it brings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagestore.config.settings import Identity
from imagestore.identity.caller import Caller
from imagestore.identity.keystone import access_rules
from imagestore.identity.keystone.known_tokens import KnownTokens
from imagestore.identity.keystone.token import Token
from imagestore.identity.keystone.validation import Validation
from imagestore.identity.policy import Policy
from imagestore.model.errors import Unauthenticated

log = logging.getLogger(__name__)


class KeystoneTokens:
    """Believes Keystone alone: whatever identity a client claims in headers counts for nothing.

    ``X-Auth-Token`` (or ``X-Storage-Token``) is the caller's. ``X-Service-Token`` is that of
    another service that passes the caller's on: with one of ``service_token_roles`` it may do
    so after the caller's has expired, and is not bound by what restricts the caller's.
    """

    _ANONYMOUS = Caller(read_only=True)

    def __init__(self, settings: Identity, policy: Policy) -> None:
        """Raises :class:`ConfigurationError`. Keystone is first asked when a token comes."""
        self._policy = policy
        self._settings = settings.keystone
        self._allow_anonymous_access = settings.allow_anonymous_access
        validation = Validation(settings.keystone)
        self._tokens = KnownTokens(validation, settings.keystone)
        self._service_roles = frozenset(settings.keystone.service_token_roles)
        uri = settings.keystone.www_authenticate_uri or validation.credentials.auth_url
        self._challenge = f'Keystone uri="{uri}"' if uri else "Keystone"
        if not settings.keystone.service_token_roles_required:
            log.warning(
                "[keystone_authtoken] service_token_roles_required is false: "
                "any valid token counts as one of a service."
            )

    async def identify(self, headers: Mapping[str, str], method: str, path: str) -> Caller:
        """See :class:`imagestore.identity.sources.IdentitySource`."""
        service, is_trusted = await self._service(headers)
        presented = headers.get("X-Auth-Token") or headers.get("X-Storage-Token")
        token = None
        if presented:
            token = await self._tokens.get(presented.strip(), allow_expired=is_trusted)
        if token is None or not (is_trusted or self._is_within_rules(token, method, path)):
            return self._stranger()
        return caller(token, service, self._policy)

    async def close(self) -> None:
        await self._tokens.close()

    async def _service(self, headers: Mapping[str, str]) -> tuple[Token | None, bool]:
        """The service token, if it counts; and whether it has the role that lifts limits."""
        presented = headers.get("X-Service-Token")
        if not presented:
            return None, False
        token = await self._tokens.get(presented.strip())
        if token is None:
            log.info("A service token is not valid.")
            return None, False
        is_trusted = not self._service_roles.isdisjoint(token.roles)
        if not is_trusted and self._settings.service_token_roles_required:
            log.info("A service token has none of the roles that make it one.")
            return None, False
        return token, is_trusted

    def _is_within_rules(self, token: Token, method: str, path: str) -> bool:
        rules = token.access_rules
        if rules is None:
            return True
        return access_rules.allow(rules, self._settings.service_type, method, path)

    def _stranger(self) -> Caller:
        if self._allow_anonymous_access:
            return self._ANONYMOUS
        raise Unauthenticated("Authentication required.", self._challenge)


def caller(token: Token, service: Token | None, policy: Policy) -> Caller:
    """The caller who presents ``token``, through ``service`` if that is not None."""
    credentials: dict[str, Any] = {
        **token.names,
        "system_scope": token.system_scope,
        "is_admin_project": token.is_admin_project,
    }
    if token.system_scope is not None:
        credentials["system"] = token.system_scope
    if service is not None:
        credentials |= {
            "service_user_id": service.user_id,
            "service_user_domain_id": service.names["user_domain_id"],
            "service_project_id": service.project_id,
            "service_project_domain_id": service.names["project_domain_id"],
        }
    described = Caller(
        user_id=token.user_id,
        project_id=token.project_id,
        roles=_lowered(token.roles),
        service_roles=_lowered(service.roles) if service else frozenset(),
        domain_id=token.domain_id,
        credentials=credentials,
    )
    return replace(described, is_admin=policy.is_admin(described.credentials))


def _lowered(roles: frozenset[str]) -> frozenset[str]:
    return frozenset(role.lower() for role in roles)
