"""Activation: the one place where an image becomes active, or gets its bytes in one more store.

Everything that has to be true together is recorded in one transaction: the status, by
compare-and-swap; size, digests and formats; the locations; the journal rows, closed; the quotas'
reservations, released; and the copies that the rules of replication want, queued. Other services
are notified when it is committed, and not if it is not: a door calls :meth:`Activations.within`
with the body of its transaction, and has no other way to an :class:`Activation`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from imagestore.backends.base import Stored
from imagestore.catalog.copies.placement import Placements
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.intent import complete
from imagestore.catalog.notifications import Notifications
from imagestore.database import images, locations
from imagestore.model.clock import now
from imagestore.model.errors import Gone, Unavailable
from imagestore.model.image import Image, ImageStatus, Location

P = ParamSpec("P")
T = TypeVar("T")

Write = Callable[..., Awaitable[Any]]
"""As :meth:`Database.write`, or :meth:`Work.write` where a job may have lost its lease."""


class Activations:
    """Opens the transactions in which images become active, and tells of them."""

    def __init__(self, deps: Dependencies) -> None:
        self.placements = Placements(deps)
        self._multiple = deps.stores.multiple
        self.notify = Notifications(deps.notifier)

    async def within(
        self,
        write: Write,
        body: Callable[Concatenate[Activation, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What ``body`` returns, called with an :class:`Activation` in one transaction."""
        done: list[Activation] = []

        def run(conn: Connection) -> T:
            activation = Activation(self, conn)
            result = body(activation, *args, **kwargs)
            done[:] = [activation]  # the transaction may be tried again
            activation.look()
            return result

        result: T = await write(run)
        for activation in done:
            activation.tell()
        return result

    def add(
        self, conn: Connection, image_id: str, store: str, stored: Stored, entry: str | None
    ) -> int:
        """Record where bytes of the image lie, and close their journal row; the id of the location.

        Raises :class:`Unavailable` if the row was taken over, with the bytes that it stood for.
        """
        if entry is not None and not complete(conn, entry):
            raise Unavailable(f"What was stored of image {image_id} was taken for left behind.")
        metadata: dict[str, Any] = dict(stored.metadata)
        if self._multiple:
            metadata["store"] = store
        return locations.add(conn, image_id, Location(stored.url, metadata))


class Activation:
    """One transaction in which images may become active."""

    def __init__(self, by: Activations, conn: Connection) -> None:
        self.conn = conn
        self._by = by
        self._news: list[tuple[str, Callable[[Image], None]]] = []
        self._seen: dict[str, Image] = {}

    def activate(
        self,
        image: Image,
        values: Mapping[str, Any],
        stored: Mapping[str, Stored],
        entries: Mapping[str, str] | None = None,
        *,
        pending: Collection[str] = (),
    ) -> list[int]:
        """Make the image active, if it still is in the status that ``image`` has.

        ``values``: columns of the image, the size among them. ``stored``: its bytes, by the id of
        the store; ``entries``: the journal row for each of them, by store; without, the bytes
        were there already. ``pending``: stores into which they are still being written.

        The ids of the locations. Raises :class:`Gone` if the image has another status by now, and
        as :meth:`Activations.add`.
        """
        columns = {**values, "status": ImageStatus.ACTIVE.value, "updated_at": now()}
        if not images.update(self.conn, image.id, columns, only_if_status={image.status}):
            raise Gone(f"Image {image.id} was deleted meanwhile.")
        ids = [
            self._by.add(self.conn, image.id, store, each, entries[store] if entries else None)
            for store, each in stored.items()
        ]
        self._by.placements.follow(self.conn, image.id, but=pending)
        if entries is None:
            self.updated(image.id)
        else:
            self._news.append((image.id, partial(self._by.notify.uploaded, stores=len(stored))))
        return ids

    def copied(self, image_id: str, store: str, stored: Stored, entry: str) -> int:
        """The active image has its bytes in one more store; the id of the location."""
        number = self._by.add(self.conn, image_id, store, stored, entry)
        images.update(self.conn, image_id, {"updated_at": now()})
        self._news.append((image_id, self._by.notify.copied))
        return number

    def updated(self, image_id: str) -> None:
        """Tell that the image has changed."""
        self._news.append((image_id, partial(self._by.notify.image, "image.update")))

    def look(self) -> None:
        """See the images as they are to be told of, if anybody listens; last in the transaction."""
        for image_id in {image_id for image_id, _ in self._news if self._by.notify.heard}:
            if (row := images.get(self.conn, image_id)) is not None:
                self._seen[image_id] = row.image

    def tell(self) -> None:
        """After the commit."""
        for image_id, notify in self._news:
            if image_id in self._seen:
                notify(self._seen[image_id])


def put_back(
    conn: Connection, image_id: str, of: ImageStatus, to: ImageStatus = ImageStatus.QUEUED
) -> bool:
    """The image gets no bytes after all: ``to`` again, if it still is in ``of``; whether so."""
    return images.transition(
        conn, image_id, {of}, to, updated_at=now(), size=None, virtual_size=None
    )
