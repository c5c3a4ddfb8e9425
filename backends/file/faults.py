"""From the errors of the operating system to those of a store."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from imagestore.backends import errors

_MEANING: dict[int, type[errors.StoreError]] = {
    errno.EEXIST: errors.Exists,
    errno.ENOSPC: errors.Full,
    errno.EDQUOT: errors.Full,
    errno.EFBIG: errors.Full,
    errno.EROFS: errors.ReadOnly,
    errno.EACCES: errors.ReadOnly,
    errno.EPERM: errors.ReadOnly,
}
_MEANING_OF_A_PATH: dict[int, type[errors.StoreError]] = {
    errno.ENOENT: errors.NotFound,
    errno.ELOOP: errors.InvalidLocation,  # a symbolic link, with O_NOFOLLOW
    errno.EISDIR: errors.InvalidLocation,
    errno.EACCES: errors.Unavailable,
    errno.EPERM: errors.Unavailable,
}


def while_writing(store: str, url: str = "") -> AbstractContextManager[None]:
    """Raise an ``OSError`` of the body as what it means for an object that is being written.

    What has no better meaning (EIO, ESTALE, a directory that went away) is
    ``Unavailable``.
    """
    return _told(_MEANING, store, url)


def while_using(store: str, url: str) -> AbstractContextManager[None]:
    """The same for an object that is looked for at its location."""
    return _told(_MEANING_OF_A_PATH, store, url)


def while_removing(store: str, url: str) -> AbstractContextManager[None]:
    """The same for an object that is being removed."""
    return _told(_MEANING_OF_A_PATH | _MEANING, store, url)


@contextmanager
def _told(meaning: dict[int, type[errors.StoreError]], store: str, url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        kind = meaning.get(number, errors.Unavailable)
        raise kind(os.strerror(number), store=store, url=url) from error
