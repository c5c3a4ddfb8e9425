"""The file driver: one file per image in directories of this machine or of a shared file system.

The layout is Glance's, so that either service reads what the other wrote: the file
is ``<data directory>/<image id>``, its location ``file://<data directory>/<image id>``.
"""

from imagestore.backends.base import Driver, Later
from imagestore.backends.file.settings import FileSettings

__all__ = ["FileSettings", "driver"]

_STORE = Later("imagestore.backends.file.store:FileStore")
driver = Driver("file", ("file", "filesystem"), FileSettings, _STORE, interface=1)
