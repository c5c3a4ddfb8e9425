"""From the errors of librados and librbd to those of a store."""

from __future__ import annotations

import errno
import os

from imagestore.backends import errors

_MEANING: dict[int, type[errors.StoreError]] = {
    errno.ENOENT: errors.NotFound,
    errno.EEXIST: errors.Exists,
    errno.ENOSPC: errors.Full,
    errno.EDQUOT: errors.Full,
    errno.EBUSY: errors.Busy,
    errno.ENOTEMPTY: errors.Busy,  # it has snapshots
    errno.EROFS: errors.ReadOnly,
    errno.EACCES: errors.ReadOnly,
    errno.EPERM: errors.ReadOnly,
}
_TEXT = {
    errno.ETIMEDOUT: "the cluster did not answer in time",
    errno.ESHUTDOWN: "the cluster has shut this client out (blocklisted)",
    errno.EBUSY: "it is in use",
    errno.ENOTEMPTY: "it has snapshots",
}


def meaning(error: Exception, store: str, url: str = "") -> errors.StoreError:
    """What an exception of ``rados`` or ``rbd``, or an ``OSError``, means for the caller.

    What has no better meaning (timed out, shut out, an I/O error) is ``Unavailable``.
    """
    number = number_of(error)
    text = _TEXT.get(number) or (os.strerror(number) if number else str(error))
    return _MEANING.get(number, errors.Unavailable)(text, store=store, url=url)


def number_of(error: Exception) -> int:
    """The positive errno of an exception of ``rados`` or ``rbd``; 0 where it has none."""
    number: int | None = getattr(error, "errno", None)
    return abs(number or 0)
