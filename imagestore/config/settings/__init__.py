"""The configuration as the code sees it: frozen, typed, complete, with defaults.

Names follow the options they come from; :mod:`imagestore.config.load` fills them
from a configuration file. Nothing below ``app`` ever reads an option by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from imagestore.backends.http.rules import AddressRules
from imagestore.config.settings.background import (
    Cache,
    Events,
    Jobs,
    Notifications,
    Replication,
    Scrubber,
    Site,
)
from imagestore.config.settings.database import Database
from imagestore.config.settings.identity import Identity, Keystone, KeystoneLimits
from imagestore.config.settings.images import Images, Imports, Signatures
from imagestore.config.settings.server import Cors, Limits, Logging, Server
from imagestore.config.settings.stores import StoreAccess, StoreChoice, Stores, StoreSection

__all__ = [
    "Cache",
    "Cors",
    "Database",
    "Events",
    "Identity",
    "Images",
    "Imports",
    "Jobs",
    "Keystone",
    "KeystoneLimits",
    "Limits",
    "Logging",
    "Notifications",
    "Replication",
    "Scrubber",
    "Server",
    "Settings",
    "Signatures",
    "Site",
    "StoreAccess",
    "StoreChoice",
    "StoreSection",
    "Stores",
]


@dataclass(frozen=True, slots=True)
class Settings:
    data_dir: Path
    server: Server = field(default_factory=Server)
    cors: Cors = field(default_factory=Cors)
    limits: Limits = field(default_factory=Limits)
    images: Images = field(default_factory=Images)
    identity: Identity = field(default_factory=Identity)
    database: Database = field(default_factory=Database)
    stores: Stores = field(default_factory=Stores)
    jobs: Jobs = field(default_factory=Jobs)
    replication: Replication = field(default_factory=Replication)
    cache: Cache = field(default_factory=Cache)
    signatures: Signatures = field(default_factory=Signatures)
    sites: tuple[Site, ...] = ()
    scrubber: Scrubber = field(default_factory=Scrubber)
    events: Events = field(default_factory=Events)
    notifications: Notifications = field(default_factory=Notifications)
    logging: Logging = field(default_factory=Logging)
    imports: Imports = field(default_factory=Imports)
    import_filter: AddressRules = field(default_factory=AddressRules)
    """Which URLs users may have fetched: imports, and locations that they add."""
    warnings: tuple[str, ...] = ()
    """What the configuration asks for in vain, one sentence each; to be logged once."""
