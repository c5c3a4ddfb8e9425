"""Where bytes lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagestore.config.option import option

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """How a store is used: how long it is waited for, how often, by how many at a time.

    0 stands for no limit, and for never. Times in seconds.
    """

    call_timeout: float = option(30.0, minimum=0, unit="seconds", help=
        "Seconds within which the store has to answer anything but a transfer. 0: for ever.")
    progress_timeout: float = option(120.0, minimum=0, unit="seconds", help=
        "Seconds without a block taken or given after which a transfer is given up. 0: never.")
    max_transfers: int = option(256, minimum=0, help=
        "Transfers at a time; others wait. 0: no limit.")
    max_calls: int = option(64, minimum=0, help="Other calls at a time; others wait. 0: no limit.")
    queue_timeout: float = option(30.0, minimum=0, unit="seconds", help=
        "Seconds that they wait at most. 0: for ever.")
    retries: int = option(2, minimum=0, help=
        "How often a call is repeated that failed for a passing reason, within call_timeout.")
    failures: int = option(3, minimum=0, help=
        "Failures in a row after which the store counts as away: calls fail at once, and images "
        "are read from other stores, until it answers again. 0: never.")
    probe_interval: float = option(5.0, minimum=0, unit="seconds", help=
        "Seconds after which a store that is away is asked again; doubled up to a minute.")


@dataclass(frozen=True, slots=True)
class StoreSection:
    """One store as configured: ``enabled_backends = name:type`` and section ``[name]``."""

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """The driver's own options that were set, by option name."""
    description: str = option("", name="store_description", help=
        "What callers are told of the store.")
    weight: int = option(0, help=
        "An image that is in several stores is read from the one that weighs most.")
    read_only: bool = option(False, help="Never write to the store or delete from it.")
    access: StoreAccess = StoreAccess()


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """Which stores there are, as the file says it; :class:`Stores` is what comes of it."""

    enabled_backends: Mapping[str, str] = option({}, help=
        "Stores as id:type pairs; each has its options in the section [id]. "
        "Without it there is one set of stores, configured in [glance_store].")
    default_backend: str | None = option(None, group="glance_store", help=
        "Id of the store that images go to when the client names none.")
    stores: tuple[str, ...] = option(("file", "http"), group="glance_store", help=
        "Types of stores that are used when enabled_backends is not set.")
    default_store: str = option("file", group="glance_store", help=
        "Type of the store that images go to when enabled_backends is not set.")
    node_staging_uri: str | None = option(None, help=
        "file:// URL of the directory for staged data when enabled_backends is not set. "
        "Without it, a directory in the data directory.")


@dataclass(frozen=True, slots=True)
class Stores:
    sections: tuple[StoreSection, ...] = ()
    default: str = ""
    multiple: bool = False
    """Whether ``enabled_backends`` was used, which switches the multi-store API on."""
    reserved: tuple[StoreSection, ...] = ()
    """Stores for the service's own use (staging), never shown to callers."""
