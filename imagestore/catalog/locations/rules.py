"""Which URLs may become locations of an image, by whose hand.

A location is believed: what lies there is served as the image, and removed with it. So nobody
may point at local files; ordinary callers may point at HTTP servers that the import filter
lets pass, and in the service's own stores only at the object that is named after the image itself
(what another service has put there for it). Services and administrators may name any object
there that no other image has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Capability, Store
from imagestore.backends.http.guard import SCHEMES, Guard
from imagestore.backends.ids import ids_in
from imagestore.catalog.dependencies import Dependencies
from imagestore.database import journal, locations
from imagestore.identity.caller import Caller
from imagestore.model.errors import Conflict, ImagestoreError, Invalid, Unavailable
from imagestore.model.image import Image
from imagestore.transfer.inspection import Inspection
from imagestore.transfer.judgement import examine, require_size

MAX_LENGTH = 8000
_LOCAL = frozenset({"file", "filesystem", "swift+config"})
"""Schemes that mean files of this machine, or sections of its configuration."""
_LABEL = re.compile(r"(https?://[^/?#]+/[^#]*)#[A-Za-z0-9._-]{1,64}", re.I)
_PLAIN_PATH = re.compile(r"[a-z0-9+.-]+://[A-Za-z0-9._:@/+=,~-]+", re.I)


def fetched(url: str) -> str:
    """What is asked for at ``url``: a fragment, by which clients tell equal URLs apart, is not."""
    label = _LABEL.fullmatch(url)
    return label[1] if label else url


def is_service(caller: Caller) -> bool:
    """Whether an administrator asks, or another service."""
    return caller.is_admin or has_service_role(caller)


def has_service_role(caller: Caller) -> bool:
    """Whether another service asks, for itself or with its token beside a user's."""
    return "service" in caller.roles | caller.service_roles


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at a URL. ``virtual_size``: of the disk inside, as far as its format tells it;
    both in bytes."""

    store: Store
    size: int
    virtual_size: int | None = None


class LocationRules:
    def __init__(self, deps: Dependencies) -> None:
        self._stores = deps.stores
        self._settings = deps.settings
        self._guard = Guard(deps.settings.import_filter)

    def store_for(self, caller: Caller, image_id: str, url: str) -> Store:
        """The store that reads ``url``; :class:`Invalid` if it may not be a location. No I/O."""
        scheme = url.partition("://")[0].lower()
        if len(url) > MAX_LENGTH or scheme in _LOCAL:
            raise Invalid("This URL cannot be a location of an image.")
        store = self._stores.by_url(url)
        if store is None:
            raise Invalid("This URL does not lead into any store of the service.")
        if scheme in SCHEMES:
            self._check_external(url)
        elif Capability.LOCAL_PATH in store.capabilities or not _PLAIN_PATH.fullmatch(url):
            raise Invalid("This URL cannot be a location of an image.")
        elif not is_service(caller) and not is_named_after(image_id, url):
            raise Invalid("In a store of the service only the image's own object can be named.")
        return store

    async def look(self, image: Image, store: Store, url: str) -> Found:
        """What there is, judged as if it were uploaded: only its head and its end are read.

        Raises what the caller is to be told.
        """
        size = await self.measure(store, url)
        try:
            inside = await examine(store, fetched(url), size, self.inspection(image, store))
        except store_errors.StoreError as error:
            raise as_location_failure(error) from error
        return Found(store, size, inside)

    def inspection(self, image: Image, store: Store) -> Inspection:
        """An inspection of what is to become the image's data.

        What lies in our own stores other services have put there, and Nova and Cinder do not know
        what a guest's raw disk begins with. Cinder's encrypted volumes begin with LUKS.
        """
        return Inspection(
            image.disk_format,
            image.container_format,
            self._settings.images,
            of_a_guest=Capability.WRITABLE in store.capabilities,
        )

    async def measure(self, store: Store, url: str) -> int:
        """How many bytes there are. Raises what the caller is to be told."""
        try:
            size = await store.size(fetched(url))
        except store_errors.StoreError as error:
            raise as_location_failure(error) from error
        if size <= 0:
            raise Invalid("There is nothing at this location.")
        require_size(size, self._settings.limits.image_size_cap)
        return size

    def require_unshared(self, conn: Connection, store: Store, image_id: str, url: str) -> None:
        """Raise if another image has the object, which would go when either is deleted, or if it
        is on its way out of the store."""
        if Capability.EXTERNAL in store.capabilities:
            return
        if any(journal.is_busy(conn, each, store.name) for each in ids_in(url)):
            raise Conflict("What lies at this location is being written or removed.")
        if is_named_after(image_id, url):
            return
        if locations.is_taken(conn, url, image_id):
            raise Invalid("Another image has this location.")

    def _check_external(self, url: str) -> None:
        try:
            self._guard.check(fetched(url))
        except store_errors.InvalidLocation as error:
            raise Invalid(f"The URL does not pass filtering: {error.message}.") from error


def as_location_failure(error: store_errors.StoreError) -> ImagestoreError:
    """What the caller is told; hosts and addresses that were tried stay in the log."""
    match error:
        case store_errors.NotFound():
            return Invalid("There is nothing at this location.")
        case store_errors.Unusable():
            return Invalid(f"This location cannot be used: {error.message}.")
        case store_errors.InvalidLocation():
            return Invalid("This URL may not be fetched.")
    return Unavailable("What lies at this location cannot be read at the moment.")


def is_named_after(image_id: str, url: str) -> bool:
    """Whether the object is the one that a store would make for the image: its id is its name."""
    segments = url.partition("://")[2].split("/")
    if url.lower().startswith("rbd://") and len(segments) == 4:
        return segments[2] == image_id
    return segments[-1] == image_id
