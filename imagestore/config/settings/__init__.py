"""The configuration as the code sees it: frozen, typed, complete, with defaults.

Names follow the options they come from; :mod:`imagestore.config.load` fills them
from a configuration file. Nothing below ``app`` ever reads an option by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from imagestore.backends.http.rules import AddressRules
from imagestore.config.settings.background import Cache as Cache
from imagestore.config.settings.background import Events as Events
from imagestore.config.settings.background import Jobs as Jobs
from imagestore.config.settings.background import Notifications as Notifications
from imagestore.config.settings.background import Replication as Replication
from imagestore.config.settings.background import Scrubber as Scrubber
from imagestore.config.settings.background import Site as Site
from imagestore.config.settings.database import Database as Database
from imagestore.config.settings.identity import Identity as Identity
from imagestore.config.settings.identity import Keystone as Keystone
from imagestore.config.settings.identity import KeystoneLimits as KeystoneLimits
from imagestore.config.settings.images import Images as Images
from imagestore.config.settings.images import Imports as Imports
from imagestore.config.settings.images import Signatures as Signatures
from imagestore.config.settings.server import Cors as Cors
from imagestore.config.settings.server import Limits as Limits
from imagestore.config.settings.server import Logging as Logging
from imagestore.config.settings.server import Server as Server
from imagestore.config.settings.server import Tracing as Tracing
from imagestore.config.settings.stores import StoreAccess as StoreAccess
from imagestore.config.settings.stores import StoreChoice as StoreChoice
from imagestore.config.settings.stores import Stores as Stores
from imagestore.config.settings.stores import StoreSection as StoreSection


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
    tracing: Tracing = field(default_factory=Tracing)
    imports: Imports = field(default_factory=Imports)
    import_filter: AddressRules = field(default_factory=AddressRules)
    """Which URLs users may have fetched: imports, and locations that they add."""
    warnings: tuple[str, ...] = ()
    """What the configuration asks for in vain, one sentence each; to be logged once."""
