"""Where bytes lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """How a store is used: how long it is waited for, how often, by how many at a time.

    0 stands for no limit, and for never. Times in seconds.
    """

    call_timeout: float = 30.0
    progress_timeout: float = 120.0
    """Without a block taken or given, for a transfer."""
    max_transfers: int = 256
    max_calls: int = 64
    queue_timeout: float = 30.0
    """In which a call may wait for its turn."""
    retries: int = 2
    failures: int = 3
    """In a row, after which a store counts as away."""
    probe_interval: float = 5.0


@dataclass(frozen=True, slots=True)
class StoreSection:
    """One store as configured: ``enabled_backends = name:type`` and section ``[name]``."""

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """The driver's own options that were set, by option name."""
    description: str = ""
    weight: int = 0
    read_only: bool = False
    access: StoreAccess = StoreAccess()


@dataclass(frozen=True, slots=True)
class Stores:
    sections: tuple[StoreSection, ...] = ()
    default: str = ""
    multiple: bool = False
    """Whether ``enabled_backends`` was used, which switches the multi-store API on."""
    reserved: tuple[StoreSection, ...] = ()
    """Stores for the service's own use (staging), never shown to callers."""
