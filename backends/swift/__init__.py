"""The Swift driver: objects in a container of an OpenStack Object Storage account.

The layout is Glance's, so that either service reads and deletes what the other wrote: an
object named like the image; above ``swift_store_large_object_size`` a dynamic large object,
whose manifest ``X-Object-Manifest: container/prefix`` names its segments. Locations are
``swift+config://reference/container/id`` and never hold credentials.

Needs the extra ``imagestore[swift]``.
"""

from imagestore.backends.base import Driver, Later
from imagestore.backends.swift.settings import SwiftSettings

__all__ = ["SwiftSettings", "driver"]

driver = Driver(
    name="swift",
    schemes=("swift", "swift+http", "swift+https", "swift+config"),
    settings=SwiftSettings,
    create=Later("imagestore.backends.swift.store:SwiftStore"),
    interface=1,
    preload=Later("imagestore.backends.swift.authentication:preload"),
)
