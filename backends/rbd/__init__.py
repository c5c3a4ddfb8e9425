"""The RBD driver: one RBD image per image in a pool of a Ceph cluster.

The layout is Glance's, so that either service reads what the other wrote, and Nova and
Cinder clone it: the RBD image is named as the image's id, and a protected snapshot
``snap`` of it is the image.
"""

from imagestore.backends.base import Driver, Later
from imagestore.backends.rbd.settings import RBDSettings

__all__ = ["RBDSettings", "driver"]

_STORE = Later("imagestore.backends.rbd.store:RBDStore")
driver = Driver("rbd", ("rbd",), RBDSettings, _STORE, interface=1)
