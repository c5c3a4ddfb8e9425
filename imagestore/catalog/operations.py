"""What the kinds of operations have in common: the rooms below, at hand by short names."""

from __future__ import annotations

from imagestore.catalog.access import Access
from imagestore.catalog.activation import Activations
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.notifications import Notifications


class Operations:
    """One kind of operation of the catalog."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._database = deps.database
        self._stores = deps.stores
        self._quotas = deps.quotas
        self._intents = deps.intents
        self._access = Access(deps.policy)
        self._activations = Activations(deps)
        self._notify = Notifications(deps.notifier)
