"""The HTTP driver, read-only, and the guarded fetcher that it stands on.

A location is a URL of somebody's server, as with Glance. Whatever else reads a URL that a
user gave has to use :class:`Fetcher`, so that nobody can make the service fetch for them what
only the service can reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagestore.backends import deferred
from imagestore.backends.base import Driver
from imagestore.backends.http.rules import AddressRules
from imagestore.backends.http.settings import HttpSettings

if TYPE_CHECKING:
    from imagestore.backends.http.connections import Connections
    from imagestore.backends.http.fetch import Fetched, Fetcher
    from imagestore.backends.http.guard import Guard
    from imagestore.backends.http.head import Head
    from imagestore.backends.http.store import HttpStore
    from imagestore.backends.http.target import Target
    from imagestore.backends.http.transport import Transport

__all__ = [
    "AddressRules",
    "Connections",
    "Fetched",
    "Fetcher",
    "Guard",
    "Head",
    "HttpSettings",
    "HttpStore",
    "Target",
    "Transport",
    "driver",
]

_STORE = "imagestore.backends.http.store"
__getattr__ = deferred.names(
    __name__,
    {
        "Connections": "connections",
        "Fetched": "fetch",
        "Fetcher": "fetch",
        "Guard": "guard",
        "Head": "head",
        "HttpStore": "store",
        "Target": "target",
        "Transport": "transport",
    },
)

driver = Driver(
    name="http",
    schemes=("http", "https"),
    settings=HttpSettings,
    create=deferred.call(_STORE, "HttpStore"),
    preload=deferred.load(_STORE),
    interface=1,
)
