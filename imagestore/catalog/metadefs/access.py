"""Which namespace is meant, and may this caller do that to it?

As with images: a namespace that the caller may not see does not exist for him, and so
every refusal on it is :class:`NotFound`; on one that he sees it is :class:`Forbidden`.
"""

from __future__ import annotations

from sqlalchemy import Connection

from imagestore.database.metadefs import namespaces
from imagestore.identity.caller import Caller
from imagestore.identity.policy import Policy
from imagestore.model.errors import Forbidden, NotFound
from imagestore.model.metadef import Namespace

_SEE = "get_metadef_namespace"


class NamespaceAccess:
    """Finds namespaces as one caller sees them, and asks the policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def find(
        self, conn: Connection, caller: Caller, name: str, *rules: str, lock: bool = False
    ) -> Namespace:
        """The namespace, if the policy allows all of ``rules`` on it.

        ``lock`` as in :func:`imagestore.database.metadefs.namespaces.get`.
        """
        found = namespaces.get(conn, name, lock=lock)
        if found is None or not found.is_visible_to(caller.project_id, is_admin=caller.is_admin):
            raise _not_found(name)
        for rule in rules:
            self.require(rule, caller, found)
        return found

    def require(self, rule: str, caller: Caller, namespace: Namespace | None = None) -> None:
        """Raise unless the policy allows ``rule``, on a namespace or on none in particular."""
        if self.allows(rule, caller, namespace):
            return
        if rule == _SEE or not self.allows(_SEE, caller, namespace):
            raise _not_found(namespace.namespace if namespace else "")
        raise Forbidden(f"The policy does not allow {rule}.")

    def allows(self, rule: str, caller: Caller, namespace: Namespace | None = None) -> bool:
        target = {"project_id": caller.project_id}
        if namespace is not None:
            target = {"project_id": namespace.owner, "visibility": namespace.visibility}
        return self._policy.allows(rule, caller, target)


def require_unprotected(namespace: Namespace, what: str) -> None:
    """Raise if nothing may be removed because the namespace is protected."""
    if namespace.protected:
        raise Forbidden(
            f"The namespace {namespace.namespace} is protected: {what} cannot be deleted."
        )


def _not_found(name: str) -> NotFound:
    return NotFound(f"Namespace {name} not found." if name else "Not found.")
