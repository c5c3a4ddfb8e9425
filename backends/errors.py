"""What can go wrong in a store, in the store's own words.

A caller decides by class alone: only :class:`Unavailable` is worth retrying,
every other error will be the same next time.
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of all driver errors; says which store, and which object in it."""

    def __init__(self, message: str, *, store: str = "", url: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.store = store
        self.url = url

    def __str__(self) -> str:
        where = " ".join(part for part in (self.store, self.url) if part)
        return f"{where}: {self.message}" if where else self.message


class NotFound(StoreError):
    """Nothing is stored at that location."""


class Exists(StoreError):
    """An object of that image id is already there; it was not touched."""


class Full(StoreError):
    """The store has no room left, or a quota of its own is reached."""


class Busy(StoreError):
    """The object is in use (a snapshot has clones) and cannot be removed now."""


class ReadOnly(StoreError):
    """The store, or its permissions, do not allow writing."""


class InvalidLocation(StoreError):
    """The URL is not one of this store's."""


class Unusable(InvalidLocation):
    """What lies there is refused, or sent in a way in which no image can be read: final."""


class WrongSize(StoreError):
    """The source ended before, or went past, the size that was announced."""


class CannotCopy(StoreError):
    """The store cannot make that copy by itself. Nothing has happened: the bytes can be sent."""


class Misconfigured(StoreError):
    """A setting is wrong; the message names the option. Raised by ``start``."""


class Unavailable(StoreError):
    """The store does not answer, or failed for a passing reason: retry later."""


class Refused(Unavailable):
    """Not even asked: the store is known to be away, or too much is waiting for it.

    Nothing has happened in the store. Trying again at once is of no use.
    """
