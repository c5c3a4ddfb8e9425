"""The S3 driver: one object per image in a bucket of any server that speaks S3.

The layout is Glance's, so that either service reads what the other wrote: the key is
the image id, the location ``s3://<host>/<bucket>/<image id>``, or ``s3+https://`` where
the server is reached by TLS. It has no credentials in it.
"""

from imagestore.backends.base import Driver, Later
from imagestore.backends.s3.settings import S3Settings

__all__ = ["S3Settings", "driver"]

_STORE = "imagestore.backends.s3.store"
driver = Driver(
    name="s3",
    schemes=("s3", "s3+http", "s3+https"),
    settings=S3Settings,
    create=Later(f"{_STORE}:S3Store"),
    interface=1,
    preload=Later(f"{_STORE}:preload"),
)
