"""A span for each call, from whoever makes spans."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from imagestore.backends.base import Store
from imagestore.backends.wrappers.forwarding import ForwardingStore


class TracedStore(ForwardingStore):
    """Has each operation go on inside of what ``span`` gives for the store and the operation."""

    def __init__(
        self, store: Store, span: Callable[[str, str], AbstractContextManager[object]]
    ) -> None:
        super().__init__(store)
        self._span = span

    @asynccontextmanager
    async def _during(self, operation: str) -> AsyncIterator[None]:
        with self._span(self.name, operation):
            yield
