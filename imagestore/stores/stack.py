"""A configured store: its driver, and around it what all stores need, in this order.

===========  ====================================================================================
driver       moves the bytes
deadline     innermost, so that every attempt is bounded and nothing outside ever waits for long
measured     sees each attempt as the store met it, time-outs included, queues excluded
guarded      judges by the same attempts; while the store is away nothing goes further in
limited      outside the guard: whoever waits in line when the store goes away fails at once then,
             and waiting is no fault of the store
retrying     outside the limits: a pause holds nobody else up, and each attempt queues again
traced       where there are traces: sees a call as its caller meets it, queues and all
read-only    outermost: what is forbidden never gets in
===========  ====================================================================================

Files that the kernel sends by itself (``local_path``) go past all of it.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import MISSING, dataclass, fields
from functools import partial
from typing import Any

from imagestore.backends import errors
from imagestore.backends.base import Capability, Driver, Store
from imagestore.backends.wrappers.deadline import DeadlineStore
from imagestore.backends.wrappers.guarded import GuardedStore, Health
from imagestore.backends.wrappers.limited import LimitedStore
from imagestore.backends.wrappers.measured import MeasuredStore
from imagestore.backends.wrappers.read_only import ReadOnlyStore
from imagestore.backends.wrappers.retrying import RetryingStore
from imagestore.backends.wrappers.traced import TracedStore
from imagestore.config import drivers
from imagestore.config.settings import StoreSection
from imagestore.model.errors import ConfigurationError
from imagestore.observing import metrics, tracing


@dataclass(frozen=True, slots=True)
class StackedStore:
    """A store as it is used, and its guard, which knows whether it answers."""

    store: Store
    guard: GuardedStore
    driver: Store
    """Without anything around it, for another of its kind to copy from."""


def build(section: StoreSection) -> StackedStore:
    """The store of a section, with all its wrappers. Does no I/O.

    Raises :class:`ConfigurationError`.
    """
    driver = drivers.get(section.type)
    return stacked(driver.create(section.name, _settings(driver, section)), section)


def stacked(store: Store, section: StoreSection) -> StackedStore:
    """The wrappers around ``store``, as ``section`` wants them."""
    access = section.access
    driver = store
    store = DeadlineStore(store, call=access.call_timeout, progress=access.progress_timeout)
    store = MeasuredStore(store, _count)
    # Of other people's servers one that is away says nothing of the next: nor may a user, by
    # naming dead ones, take the store from all others.
    failures = 0 if Capability.EXTERNAL in store.capabilities else access.failures
    guard = store = GuardedStore(
        store, threshold=failures, pause=access.probe_interval, on_change=_tell
    )
    _tell(guard.name, guard.health)
    store = LimitedStore(
        store,
        transfers=access.max_transfers,
        calls=access.max_calls,
        patience=access.queue_timeout,
    )
    store = RetryingStore(store, retries=access.retries, within=access.call_timeout or math.inf)
    if (tracer := tracing.active()) is not None:
        store = TracedStore(store, partial(_span, tracer))
    if section.read_only:
        store = ReadOnlyStore(store)
    return StackedStore(store, guard, driver)


def _settings(driver: Driver, section: StoreSection) -> Any:
    values: dict[str, Any] = {}
    for spec in fields(driver.settings):
        name = spec.metadata.get("option") or spec.name
        if name in section.options:
            values[spec.name] = section.options[name]
        elif spec.default is MISSING and spec.default_factory is MISSING:
            raise ConfigurationError(f"[{section.name}] {name} is not set.")
    try:
        return driver.settings(**values)
    except (ValueError, errors.Misconfigured) as error:
        raise ConfigurationError(f"[{section.name}] {error}") from error


def _count(store: str, operation: str, outcome: str, *, seconds: float, size: int) -> None:
    metrics.STORE_OPERATIONS.labels(store, operation, outcome).inc()
    metrics.STORE_SECONDS.labels(store, operation).observe(seconds)
    if size:
        metrics.STORE_BYTES.labels(store, operation).inc(size)


def _span(tracer: tracing.Tracer, store: str, operation: str) -> AbstractContextManager[object]:
    return tracer.leaf(f"store {operation}", **{"imagestore.store": store})


def _tell(store: str, health: Health) -> None:
    metrics.STORE_HEALTH.labels(store).set(health.healthy)
