"""A store that is only read from, whatever its driver could do."""

from __future__ import annotations

from collections.abc import Callable

from imagestore.backends.base import Blocks, Capability, Store, Stored
from imagestore.backends.errors import ReadOnly
from imagestore.backends.wrappers.forwarding import ForwardingStore


class ReadOnlyStore(ForwardingStore):
    """Everything that would change the store is ``ReadOnly``."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.capabilities = store.capabilities & ~(Capability.WRITABLE | Capability.COPIES)

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        raise self._refusal()

    async def copy(
        self,
        image_id: str,
        source: Store,
        url: str,
        size: int,
        *,
        owner: str | None = None,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> Stored:
        raise self._refusal()

    async def delete(self, url: str) -> None:
        raise self._refusal(url)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        raise self._refusal()

    def _refusal(self, url: str = "") -> ReadOnly:
        return ReadOnly("configured as read-only", store=self.name, url=url)
