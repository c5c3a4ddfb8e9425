"""What every operation works with, handed in once when the service is built."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from imagestore.catalog.quotas import Quotas
from imagestore.config.settings import Settings
from imagestore.database.engine import Database
from imagestore.identity.policy import Policy
from imagestore.identity.protections import Protections
from imagestore.stores import Stores


@dataclass(frozen=True, slots=True)
class Parts:
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


def now() -> datetime:
    """The present in UTC, without zone, as the database keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
