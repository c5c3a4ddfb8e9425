"""What every operation works with, handed in once when the service is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from imagestore.config.settings import Settings
from imagestore.database.engine import Database
from imagestore.identity.policy import Policy
from imagestore.notifier import Notifier
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
    notifier: Notifier = field(default_factory=Notifier)


def now() -> datetime:
    """The present in UTC, without zone, as the database keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
