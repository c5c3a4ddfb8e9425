"""What Keystone says of a token, without its catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keystoneauth1.access import AccessInfoV3

from imagestore.identity.keystone.access_rules import AccessRule


@dataclass(frozen=True, slots=True)
class Token:
    """A token that Keystone has issued; ``expires_at`` in seconds since the epoch.

    At most one of project, domain and system is its scope.
    """

    expires_at: float
    user_id: str | None
    roles: frozenset[str]
    """As Keystone writes them."""
    project_id: str | None = None
    domain_id: str | None = None
    system_scope: str | None = None
    access_rules: tuple[AccessRule, ...] | None = None
    """The only requests that the token is good for; None: all."""
    is_admin_project: bool = True
    names: Mapping[str, str | None] = field(default_factory=dict)
    """Names and domains of the user and of the scope, under the names that policy rules use."""


def parse(body: Any) -> Token:
    """The token that Keystone describes by ``body``. Raises ``ValueError`` if it is none."""
    try:
        access = AccessInfoV3(body)
        if access.expires is None:
            raise ValueError("it has no time of expiry")
        return Token(
            expires_at=access.expires.timestamp(),
            user_id=access.user_id,
            roles=frozenset(access.role_names or ()),
            project_id=access.project_id,
            domain_id=access.domain_id,
            system_scope="all" if access.system_scoped else None,
            access_rules=_access_rules(access),
            is_admin_project=access.is_admin_project,
            names=_names(access),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _access_rules(access: AccessInfoV3) -> tuple[AccessRule, ...] | None:
    rules: Any = access.application_credential_access_rules
    if rules is None:
        return None
    return tuple(AccessRule(rule["service"], rule["method"], rule["path"]) for rule in rules)


def _names(access: AccessInfoV3) -> dict[str, str | None]:
    return {
        "user_name": access.username,
        "user_domain_id": access.user_domain_id,
        "user_domain_name": access.user_domain_name,
        "project_name": access.project_name,
        "project_domain_id": access.project_domain_id,
        "project_domain_name": access.project_domain_name,
        "domain_name": access.domain_name,
    }
