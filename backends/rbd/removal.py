"""Removing images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imagestore.backends.errors import Busy, NotFound, Unavailable
from imagestore.backends.rbd import trash
from imagestore.backends.rbd.connection import Connection
from imagestore.backends.rbd.location import SNAPSHOT, Location


class Watched(Busy):
    """Someone has the image open, or had it open when it died."""


def remove(
    connection: Connection,
    location: Location,
    *,
    only: str | None = None,
    report: Callable[..., int] | None = None,
) -> None:
    """Remove an image with its snapshot. Blocks; the caller holds ``connection``.

    ``NotFound`` if there is none; ``only`` is the identity that it must have, or it counts as
    another one. ``report`` is called again and again while objects are removed.

    ``Busy``, with the image left as it was, while someone has it open, while it has other
    snapshots, or while its snapshot has clones of the first format. Clones of the second format
    do not need their parent's name: the image goes to RBD's trash, as with Glance,
    and can be purged from there once the last of them is gone. A removal that broke off when it
    had the image in the trash is carried to its end.
    """
    try:
        _remove(connection, location, only, report)
    except NotFound:
        if only is not None:
            raise
        try:
            purged = trash.purge(connection, location.pool, location.image, report=report)
        except Busy as error:
            # The name is gone: there is no way back, and nothing to be left as it was.
            raise Unavailable(
                "it is being removed", store=connection.store, url=location.url
            ) from error
        if not purged:
            raise


def _remove(
    connection: Connection,
    location: Location,
    only: str | None,
    report: Callable[..., int] | None,
) -> None:
    rbd = connection.rbd
    pool, name = connection.pool(location.pool), location.image
    with connection.errors(location.url):
        with rbd.Image(pool, name) as image:
            if only is not None and image.id() != only:
                raise NotFound(
                    "another image has that name", store=connection.store, url=location.url
                )
            if len(list(image.watchers_list())) > 1:  # we are one of them
                raise _watched(connection, location)
            _free(connection, pool, image)
            dropped = _drop_snapshot(connection, image, location)
        try:
            rbd.RBD().remove(pool, name, on_progress=report)
        except rbd.ImageHasSnapshots:
            rbd.RBD().trash_move(pool, name)
        except rbd.ImageBusy as error:
            # Someone has opened it in this very moment, and it is to stay as it was.
            if dropped is not None:
                with rbd.Image(pool, name) as image:
                    image.create_snap(dropped)
                    image.protect_snap(dropped)
            raise _watched(connection, location) from error
        except rbd.ImageNotFound as error:
            # Someone was faster, or librbd says so of another thing that it did not find.
            with rbd.Image(pool, name, read_only=True):
                raise Unavailable(
                    "it is still there after it was removed",
                    store=connection.store,
                    url=location.url,
                ) from error


def _watched(connection: Connection, location: Location) -> Watched:
    return Watched("someone has it open", store=connection.store, url=location.url)


def _free(connection: Connection, pool: Any, image: Any) -> None:
    """Release the lock of a writer of ours that could not do so, as the cluster did not answer.

    Nobody has the image open, but for RBD the owner is alive as long as our connection is, so
    that it would ask him for the lock, and wait for an answer for ever.
    """
    if image.old_format():
        return
    for client, cookie, _ in dict(image.list_lockers()).get("lockers", []):
        if client == connection.client:
            pool.unlock(f"rbd_header.{image.id()}", "rbd_lock", cookie)


def _drop_snapshot(connection: Connection, image: Any, location: Location) -> str | None:
    """Remove the snapshot that makes the image whole; its name, if it was there."""
    rbd = connection.rbd
    snapshot = location.snapshot or SNAPSHOT
    lasting = {rbd.RBD_SNAP_NAMESPACE_TYPE_USER, rbd.RBD_SNAP_NAMESPACE_TYPE_GROUP}
    names = {each["name"] for each in image.list_snaps() if each["namespace"] in lasting}
    others = sorted(names - {snapshot})
    if others:
        raise Busy(
            f"it has other snapshots: {', '.join(others)}",
            store=connection.store,
            url=location.url,
        )
    if snapshot not in names:
        return None  # an earlier removal came so far
    # RBD refuses to unprotect what is not protected, too.
    if image.is_protected_snap(snapshot):
        try:
            image.unprotect_snap(snapshot)
        except rbd.ImageBusy as error:
            raise Busy(
                "its snapshot has clones", store=connection.store, url=location.url
            ) from error
    image.remove_snap(snapshot)
    return snapshot


def discard(
    connection: Connection, location: Location, *, report: Callable[..., int] | None = None
) -> None:
    """Remove what is left of an image whose writer died, in whatever state. Blocks.

    ``Unavailable`` for as long as the cluster believes that it lives: half a minute.
    """
    try:
        try:
            remove(connection, location, report=report)
        except NotFound:
            _forget(connection, location)
        _purge(connection, location, report)
    except Watched as error:
        raise Unavailable(
            "someone has it open, or has died less than half a minute ago",
            store=connection.store,
            url=location.url,
        ) from error


def _purge(connection: Connection, location: Location, report: Callable[..., int] | None) -> None:
    try:
        trash.purge(connection, location.pool, location.image, report=report)
    except Busy as error:
        raise _watched(connection, location) from error


def _forget(connection: Connection, location: Location) -> None:
    """Remove what cannot be opened, but has a name, as it was not made to the end."""
    rbd = connection.rbd
    with connection.errors(location.url):
        try:
            rbd.RBD().remove(connection.pool(location.pool), location.image)
        except rbd.ImageNotFound:
            pass
        except rbd.ImageBusy as error:
            raise _watched(connection, location) from error
