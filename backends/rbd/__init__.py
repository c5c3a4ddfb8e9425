"""The RBD driver: one RBD image per image in a pool of a Ceph cluster.

The layout is Glance's, so that either service reads what the other wrote, and Nova and
Cinder clone it: the RBD image is named as the image's id, and a protected snapshot
``snap`` of it is the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagestore.backends import deferred
from imagestore.backends.base import Driver
from imagestore.backends.rbd.settings import RBDSettings

if TYPE_CHECKING:
    from imagestore.backends.rbd.store import RBDStore

__all__ = ["RBDSettings", "RBDStore", "driver"]

_STORE = "imagestore.backends.rbd.store"
__getattr__ = deferred.names(__name__, {"RBDStore": "store"})

driver = Driver(
    name="rbd",
    schemes=("rbd",),
    settings=RBDSettings,
    create=deferred.call(_STORE, "RBDStore"),
    preload=deferred.load(_STORE),
    interface=1,
)
