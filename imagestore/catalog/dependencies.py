"""What every operation works with, handed in once when the service is built."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagestore.cache.cache import Cache
from imagestore.catalog.intent import Intents
from imagestore.catalog.quotas import LimitSource, Quotas
from imagestore.config.settings import Settings
from imagestore.database.engine import Database
from imagestore.identity.policy import Policy
from imagestore.identity.protections import Protections
from imagestore.observing.notifier import Notifier
from imagestore.stores.stores import Stores
from imagestore.supervisor import process_identity as process


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The rooms below, as built by ``app``."""

    settings: Settings
    database: Database
    policy: Policy
    stores: Stores
    owner: str
    """The identity of this process in the journal of transfers."""
    protections: Protections
    """Who may do what to which custom properties."""
    quotas: Quotas
    intents: Intents
    """What this process is about to do to bytes in stores."""
    cache: Cache | None = None
    """The node's cache of data, if it has one."""
    notifier: Notifier = field(default_factory=Notifier)


def assemble(
    settings: Settings,
    database: Database,
    *,
    policy: Policy | None = None,
    stores: Stores | None = None,
    cache: Cache | None = None,
    limits: LimitSource | None = None,
    notifier: Notifier | None = None,
) -> Dependencies:
    """The rooms of this process, made from the settings where they are not given.

    Raises :class:`imagestore.model.errors.ConfigurationError`. ``limits``: where Keystone's limits
    of projects come from, for those who hold anybody to them.
    """
    policy = policy or Policy(settings.identity)
    stores = stores or Stores(settings.stores)
    owner = process.identity()
    return Dependencies(
        settings=settings,
        database=database,
        policy=policy,
        stores=stores,
        owner=owner,
        protections=Protections(
            settings.images.property_protection_file,
            settings.images.property_protection_rule_format,
            policy,
        ),
        quotas=Quotas(settings, database, limits),
        intents=Intents(database, stores, owner),
        cache=cache,
        notifier=notifier or Notifier(),
    )
