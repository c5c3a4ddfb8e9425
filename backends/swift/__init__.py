"""The Swift driver: objects in a container of an OpenStack Object Storage account.

The layout is Glance's, so that either service reads and deletes what the other wrote: an
object named like the image; above ``swift_store_large_object_size`` a dynamic large object,
whose manifest ``X-Object-Manifest: container/prefix`` names its segments. Locations are
``swift+config://reference/container/id`` and never hold credentials.

Needs the extra ``imagestore[swift]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagestore.backends import deferred
from imagestore.backends.base import Driver
from imagestore.backends.swift.settings import SwiftSettings

if TYPE_CHECKING:
    from imagestore.backends.swift.store import SwiftStore

__all__ = ["SwiftSettings", "SwiftStore", "driver"]

_STORE = "imagestore.backends.swift.store"
__getattr__ = deferred.names(__name__, {"SwiftStore": "store"})

driver = Driver(
    name="swift",
    schemes=("swift", "swift+http", "swift+https", "swift+config"),
    settings=SwiftSettings,
    create=deferred.call(_STORE, "SwiftStore"),
    preload=deferred.load(_STORE, "keystoneauth1.session", "swiftclient.client"),
    interface=1,
)
