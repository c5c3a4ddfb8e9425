"""The one who asks: what every operation of the catalog knows of its caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated (or, where allowed, anonymous) caller of one request.

    ``roles`` are lower-cased. ``is_admin`` is the verdict of the policy rule
    ``context_is_admin``. ``read_only`` callers may not change anything.
    ``domain_id``: the domain that a domain-scoped token is for.
    """

    user_id: str | None = None
    project_id: str | None = None
    roles: frozenset[str] = frozenset()
    service_roles: frozenset[str] = frozenset()
    is_admin: bool = False
    read_only: bool = False
    domain_id: str | None = None
    credentials: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The same facts under the names that policy rules use, filled in here; what is passed
    in (names without a field of their own) stays beside them."""

    def __post_init__(self) -> None:
        known = {
            "user_id": self.user_id,
            "project_id": self.project_id,
            "roles": self.roles,
            "service_roles": self.service_roles,
            "is_admin": self.is_admin,
            "domain_id": self.domain_id,
            # Names of old policy files.
            "user": self.user_id,
            "tenant": self.project_id,
        }
        object.__setattr__(self, "credentials", {**self.credentials, **known})
