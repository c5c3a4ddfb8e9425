"""The file driver: one file per image in directories of this machine or of a shared file system.

The layout is Glance's, so that either service reads what the other wrote: the file
is ``<data directory>/<image id>``, its location ``file://<data directory>/<image id>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagestore.backends import deferred
from imagestore.backends.base import Driver
from imagestore.backends.file.settings import FileSettings

if TYPE_CHECKING:
    from imagestore.backends.file.store import FileStore

__all__ = ["FileSettings", "FileStore", "driver"]

_STORE = "imagestore.backends.file.store"
__getattr__ = deferred.names(__name__, {"FileStore": "store"})

driver = Driver(
    name="file",
    schemes=("file", "filesystem"),
    settings=FileSettings,
    create=deferred.call(_STORE, "FileStore"),
    preload=deferred.load(_STORE),
    interface=1,
)
