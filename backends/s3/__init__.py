"""The S3 driver: one object per image in a bucket of any server that speaks S3.

The layout is Glance's, so that either service reads what the other wrote: the key is
the image id, the location ``s3://<host>/<bucket>/<image id>``, or ``s3+https://`` where
the server is reached by TLS. It has no credentials in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagestore.backends import deferred
from imagestore.backends.base import Driver
from imagestore.backends.s3.settings import S3Settings

if TYPE_CHECKING:
    from imagestore.backends.s3.store import S3Store

__all__ = ["S3Settings", "S3Store", "driver"]

_STORE = "imagestore.backends.s3.store"
__getattr__ = deferred.names(__name__, {"S3Store": "store"})

driver = Driver(
    name="s3",
    schemes=("s3", "s3+http", "s3+https"),
    settings=S3Settings,
    create=deferred.call(_STORE, "S3Store"),
    preload=deferred.call(_STORE, "preload"),
    interface=1,
)
