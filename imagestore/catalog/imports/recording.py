"""What is recorded of an import: the image active, in how many stores; or as it was before.

Each of these functions is the body of one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from imagestore.catalog.activation import Activation, put_back
from imagestore.catalog.copies.placement import Placements
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports import progress
from imagestore.catalog.imports.copying import Copying
from imagestore.catalog.imports.plugins import Plugins
from imagestore.catalog.imports.unstaging import unstage
from imagestore.catalog.job_tasks import JobTasks
from imagestore.catalog.quotas import ProjectLimits
from imagestore.database import images, jobs, properties
from imagestore.model.clock import now
from imagestore.model.image import Image, ImageStatus
from imagestore.model.import_request import Method, Order
from imagestore.model.job import Job
from imagestore.transfer.fan_out import FannedOut


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to import into an image, from when the journal says where bytes are going.

    ``image``: as it was read then. ``cap``: the most bytes that it may have. ``entries``: the
    rows of the journal, by store.
    """

    job: Job
    order: Order
    image: Image
    limits: ProjectLimits | None
    cap: int
    entries: Mapping[str, str]


class Recording:
    """The ends, good and bad, of import jobs."""

    def __init__(
        self, deps: Dependencies, plugins: Plugins, copying: Copying, tasks: JobTasks
    ) -> None:
        self._deps = deps
        self._plugins = plugins
        self._copying = copying
        self._tasks = tasks
        self._placements = Placements(deps)

    def _activate(
        self, activation: Activation, attempt: Attempt, image: Image, fanned: FannedOut
    ) -> None:
        """The image is active with what is stored by now, as source and plug-ins have made it."""
        conn, order = activation.conn, attempt.order
        properties.replace(conn, image.id, attempt.image.properties, image.properties)
        self._plugins.amend(conn, image, order)
        left = set(order.stores) - {*fanned.stored, *fanned.failed}
        progress.advance(conn, image, left, fanned.failed, staged=True)
        self.release(conn, attempt.job, order)
        formats = {"disk_format": image.disk_format, "container_format": image.container_format}
        values = fanned.content.attributes() | formats
        activation.activate(attempt.image, values, fanned.stored, attempt.entries, pending=left)

    def record(
        self, activation: Activation, attempt: Attempt, image: Image, fanned: FannedOut
    ) -> None:
        """Some stores have it: the image is active, whatever comes of the others."""
        conn = activation.conn
        row = images.get(conn, image.id, locked=True)
        if row is None or row.image.status is ImageStatus.IMPORTING:
            self._activate(activation, attempt, image, fanned)
        else:
            missing = self.missing(row.image, attempt.order)
            for name, each in fanned.stored.items():
                if name in missing:
                    activation.copied(image.id, name, each, attempt.entries[name])
            left = set(attempt.order.stores) - {*fanned.stored, *fanned.failed}
            progress.advance(conn, row.image, left, fanned.failed, staged=True)
            self._placements.follow(conn, image.id)

    def finish(
        self, activation: Activation, attempt: Attempt, image: Image, fanned: FannedOut
    ) -> None:
        """All stores have ended. The image is active, or becomes it now."""
        self.record(activation, attempt, image, fanned)
        conn = activation.conn
        # Where a store has failed and could not be cleaned, recovery has still to do it.
        done = summary(fanned.content.size, fanned.stored, fanned.failed)
        self._tasks.succeed(conn, attempt.job, done)
        progress.end(conn, image, fanned.failed, staged=True)

    def release(self, conn: Connection, job: Job, order: Order) -> None:
        """The source is not needed any more: neither staged bytes, nor the caller's token."""
        held = Order.of(job.payload)
        if held.token:
            jobs.set_payload(conn, job.id, replace(held, token="").payload())
        if order.method is Method.GLANCE_DIRECT and job.image_id is not None:
            jobs.enqueue(conn, unstage(order.host, job.image_id), now())

    def complete(self, conn: Connection, job: Job, image: Image, order: Order) -> None:
        """All stores of the order have it, as it turns out."""
        progress.end(conn, image, (), staged=True)
        self._tasks.succeed(conn, job, summary(image.size or 0, order.stores, ()))

    def missing(self, image: Image, order: Order) -> tuple[str, ...]:
        """The stores of the order that have not got the image."""
        stores = self._deps.stores
        present = {store.name for each in image.locations if (store := stores.of(each))}
        return tuple(name for name in order.stores if name not in present)

    def abandoned(self, conn: Connection, job: Job) -> None:
        """It is given up: the image is what it was before, and the task says why."""
        order = Order.of(job.payload)
        assert job.image_id is not None
        row = images.get(conn, job.image_id)
        self.release(conn, job, order)
        if row is not None and row.image.properties.get(progress.TASK) == order.task:
            if order.method is Method.COPY_IMAGE:
                self._copying.abandon(conn, row.image, order)
            elif row.image.status is ImageStatus.IMPORTING:
                self._put_back(conn, row.image, order)
            else:
                # Since an earlier attempt it is active with some of the stores, which is enough.
                left = self.missing(row.image, order)
                progress.end(conn, row.image, left, staged=True)
                done = set(order.stores) - set(left)
                self._tasks.succeed(conn, job, summary(row.image.size or 0, done, left))
                return
        self._tasks.fail(conn, job)

    def _put_back(self, conn: Connection, image: Image, order: Order) -> None:
        if order.made_image:
            images.soft_delete(conn, image.id, now(), {ImageStatus.IMPORTING})
            return
        to = ImageStatus.KILLED if order.kills else ImageStatus.QUEUED
        put_back(conn, image.id, ImageStatus.IMPORTING, to)
        # Where a store is to blame, that one alone.
        progress.end(conn, image, progress.failed(image, order.stores), staged=True)


def note(conn: Connection, image_id: str, order: Order, store: str) -> None:
    """The attempt failed because of that store; the next one will see."""
    row = images.get(conn, image_id)
    if row is not None and row.image.properties.get(progress.TASK) == order.task:
        progress.advance(conn, row.image, order.stores, [store] if store else ())


def summary(size: int, stored: Iterable[str], failed: Iterable[str]) -> str:
    done = f"{size} bytes were stored in {progress.listed(stored)}"
    return f"{done}; {progress.listed(failed)} failed." if failed else f"{done}."
