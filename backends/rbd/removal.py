"""Removing images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from imagestore.backends.errors import Busy, NotFound, StoreError, Unavailable
from imagestore.backends.rbd import trash
from imagestore.backends.rbd.connection import Connection
from imagestore.backends.rbd.location import SNAPSHOT, Location

E = TypeVar("E", bound=StoreError)


class Watched(Busy):
    """Someone has the image open, or had it open when it died."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Of the image at ``location``. Its methods block; the caller holds ``connection``.

    ``report`` is called again and again while objects are removed.
    """

    connection: Connection
    location: Location
    report: Callable[..., int] | None = None

    def remove(self, *, only: str | None = None) -> None:
        """Remove an image with its snapshot.

        ``NotFound`` if there is none; ``only`` is the identity that it must have, or it counts as
        another one.

        ``Busy``, with the image left as it was, while someone has it open, while it has other
        snapshots, or while its snapshot has clones of the first format. Clones of the second format
        do not need their parent's name: the image goes to RBD's trash, as with Glance,
        and can be purged from there once the last of them is gone. A removal that broke off when it
        had the image in the trash is carried to its end.
        """
        try:
            self._remove(only)
        except NotFound:
            if only is not None:
                raise
            try:
                purged = self._purge()
            except Busy as error:
                # The name is gone: there is no way back, and nothing to be left as it was.
                raise self._error(Unavailable, "it is being removed") from error
            if not purged:
                raise

    def discard(self) -> None:
        """Remove what is left of an image whose writer died, in whatever state.

        ``Unavailable`` for as long as the cluster believes that it lives: half a minute.
        """
        try:
            try:
                self.remove()
            except NotFound:
                self._forget()
            try:
                self._purge()
            except Busy as error:
                raise self._watched() from error
        except Watched as error:
            message = "someone has it open, or has died less than half a minute ago"
            raise self._error(Unavailable, message) from error

    def _remove(self, only: str | None) -> None:
        rbd = self.connection.rbd
        pool, name = self.connection.pool(self.location.pool), self.location.image
        with self.connection.errors(self.location.url):
            with rbd.Image(pool, name) as image:
                if only is not None and image.id() != only:
                    raise self._error(NotFound, "another image has that name")
                if len(list(image.watchers_list())) > 1:  # we are one of them
                    raise self._watched()
                self._free(pool, image)
                dropped = self._drop_snapshot(image)
            try:
                rbd.RBD().remove(pool, name, on_progress=self.report)
            except rbd.ImageHasSnapshots:
                rbd.RBD().trash_move(pool, name)
            except rbd.ImageBusy as error:
                # Someone has opened it in this very moment, and it is to stay as it was.
                if dropped is not None:
                    with rbd.Image(pool, name) as image:
                        image.create_snap(dropped)
                        image.protect_snap(dropped)
                raise self._watched() from error
            except rbd.ImageNotFound as error:
                # Someone was faster, or librbd says so of another thing that it did not find.
                with rbd.Image(pool, name, read_only=True):
                    message = "it is still there after it was removed"
                    raise self._error(Unavailable, message) from error

    def _free(self, pool: Any, image: Any) -> None:
        """Release the lock of a writer of ours that could not do so, as the cluster did not answer.

        Nobody has the image open, but for RBD the owner is alive as long as our connection is, so
        that it would ask him for the lock, and wait for an answer for ever.
        """
        if image.old_format():
            return
        for client, cookie, _ in dict(image.list_lockers()).get("lockers", []):
            if client == self.connection.client:
                pool.unlock(f"rbd_header.{image.id()}", "rbd_lock", cookie)

    def _drop_snapshot(self, image: Any) -> str | None:
        """Remove the snapshot that makes the image whole; its name, if it was there."""
        rbd = self.connection.rbd
        snapshot = self.location.snapshot or SNAPSHOT
        lasting = {rbd.RBD_SNAP_NAMESPACE_TYPE_USER, rbd.RBD_SNAP_NAMESPACE_TYPE_GROUP}
        names = {each["name"] for each in image.list_snaps() if each["namespace"] in lasting}
        others = sorted(names - {snapshot})
        if others:
            raise self._error(Busy, f"it has other snapshots: {', '.join(others)}")
        if snapshot not in names:
            return None  # an earlier removal came so far
        # RBD refuses to unprotect what is not protected, too.
        if image.is_protected_snap(snapshot):
            try:
                image.unprotect_snap(snapshot)
            except rbd.ImageBusy as error:
                raise self._error(Busy, "its snapshot has clones") from error
        image.remove_snap(snapshot)
        return snapshot

    def _purge(self) -> int:
        return trash.purge(
            self.connection, self.location.pool, self.location.image, report=self.report
        )

    def _forget(self) -> None:
        """Remove what cannot be opened, but has a name, as it was not made to the end."""
        rbd = self.connection.rbd
        with self.connection.errors(self.location.url):
            try:
                rbd.RBD().remove(self.connection.pool(self.location.pool), self.location.image)
            except rbd.ImageNotFound:
                pass
            except rbd.ImageBusy as error:
                raise self._watched() from error

    def _watched(self) -> Watched:
        return self._error(Watched, "someone has it open")

    def _error(self, kind: type[E], message: str) -> E:
        return kind(message, store=self.connection.store, url=self.location.url)
