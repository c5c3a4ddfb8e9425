"""The HTTP driver, read-only, and the guarded fetcher that it stands on.

A location is a URL of somebody's server, as with Glance. Whatever else reads a URL that a user
gave has to use :class:`imagestore.backends.http.fetch.Fetcher`, so that nobody can make the
service fetch for them what only the service can reach.
"""

from imagestore.backends.base import Driver, Later
from imagestore.backends.http.rules import AddressRules
from imagestore.backends.http.settings import HttpSettings

__all__ = ["AddressRules", "HttpSettings", "driver"]

_STORE = Later("imagestore.backends.http.store:HttpStore")
driver = Driver("http", ("http", "https"), HttpSettings, _STORE, interface=1)
