"""A circuit breaker: a store that is away is left alone until it answers again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imagestore.backends.base import Store
from imagestore.backends.errors import CannotCopy, Refused, StoreError, Unavailable
from imagestore.backends.wrappers.forwarding import ForwardingStore

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
"""Seconds between probes at most."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a store answers, since when (UTC) that is so, and the last failure if it does not."""

    healthy: bool
    since: datetime
    error: str = ""


class GuardedStore(ForwardingStore):
    """After ``threshold`` calls in a row that ended in ``Unavailable``, calls are ``Refused``.

    Then the store is asked for its capacity after ``pause`` seconds, and again after
    pauses that double, until it answers. That closes the breaker, but the next failure opens
    it again and the pauses go on growing; only a call that succeeds wipes the slate clean. Any
    answer of the store is success here, also that something is not there. A ``threshold`` of 0
    never refuses.
    """

    def __init__(
        self,
        store: Store,
        *,
        threshold: int,
        pause: float,
        on_change: Callable[[str, Health], object] = lambda name, health: None,
    ) -> None:
        super().__init__(store)
        self._threshold = threshold
        self._pause = self._next_pause = pause
        self._on_change = on_change
        self._failures = 0
        self._probing: asyncio.Task[None] | None = None
        self.health = Health(True, _now())

    async def start(self) -> None:
        """Start the store. One that is away is refused to others, but may be started again."""
        try:
            await self.store.start()
        except Unavailable as error:
            self._open_circuit(error)
            raise
        self.succeeded()

    async def stop(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing
        await self.store.stop()

    def succeeded(self) -> None:
        """The store has answered, here or to somebody who goes past this wrapper."""
        self._failures = 0
        self._next_pause = self._pause
        self._close_circuit()

    def failed(self, error: Unavailable) -> None:
        """The store has not answered, here or to somebody who goes past this wrapper."""
        self._failures += 1
        if self._threshold and self._failures >= self._threshold:
            self._open_circuit(error)

    @asynccontextmanager
    async def _during(self, operation: str) -> AsyncIterator[None]:
        if not self.health.healthy:
            raise Refused(f"away: {self.health.error}", store=self.name)
        try:
            yield
        except StoreError as error:
            if error.store not in ("", self.name) or isinstance(error, Refused | CannotCopy):
                pass  # of another store, from which the data came; or this one was not asked
            elif isinstance(error, Unavailable):
                self.failed(error)
            else:
                self.succeeded()
            raise
        else:
            self.succeeded()

    def _open_circuit(self, error: Unavailable) -> None:
        if self.health.healthy:
            log.error("a store is away: %s", error)
            self.health = Health(False, _now(), error.message)
            self._on_change(self.name, self.health)
        else:
            self.health = replace(self.health, error=error.message)
        if self._probing is None or self._probing.done():
            # Of nobody's request: it goes on when the one that has found this out is long answered.
            self._probing = asyncio.create_task(self._probe(), context=Context())

    def _close_circuit(self) -> None:
        if self.health.healthy:
            return
        log.warning("store %s answers again", self.name)
        self.health = Health(True, _now())
        self._on_change(self.name, self.health)
        if self._probing is not None and self._probing is not asyncio.current_task():
            self._probing.cancel()

    async def _probe(self) -> None:
        """Ask until there is an answer."""
        while not self.health.healthy:
            await asyncio.sleep(self._next_pause)
            self._next_pause = min(2 * self._next_pause, LONGEST_PAUSE)
            try:
                await self.store.capacity()
            except Unavailable as error:
                self._open_circuit(error)
                continue
            except StoreError as error:
                log.debug("answers: %s", error)
            self._failures = max(0, self._threshold - 1)
            self._close_circuit()


def _now() -> datetime:
    return datetime.now(UTC)
