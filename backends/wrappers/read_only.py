"""A store that is only read from, whatever its driver could do."""

from __future__ import annotations

from typing import TypeVar

from imagestore.backends.base import Capability, Store
from imagestore.backends.errors import ReadOnly
from imagestore.backends.wrappers.forwarding import Ask, ForwardingStore

T = TypeVar("T")


class ReadOnlyStore(ForwardingStore):
    """Everything that would change the store is ``ReadOnly``."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.capabilities = store.capabilities & ~(Capability.WRITABLE | Capability.COPIES)

    async def _call(self, operation: str, ask: Ask[T]) -> T:
        if operation in ("add", "copy", "delete", "discard"):
            raise ReadOnly("configured as read-only", store=self.name)
        return await ask()

    async def delete(self, url: str) -> None:
        raise ReadOnly("configured as read-only", store=self.name, url=url)
