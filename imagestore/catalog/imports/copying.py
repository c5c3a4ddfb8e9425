"""``copy-image``: an image that is there, into more stores, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from imagestore.backends.errors import StoreError
from imagestore.catalog.copies.maker import CopyMaker, InTheWay
from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.imports import progress
from imagestore.catalog.integrity.recovery import Recovery
from imagestore.catalog.job_tasks import JobTasks
from imagestore.catalog.jobs import GiveUp, Work
from imagestore.catalog.store_failures import as_upload_failure
from imagestore.database import images, locations, tasks
from imagestore.model.clock import now
from imagestore.model.errors import Conflict, Gone, ImagestoreError, NotFound
from imagestore.model.image import Image
from imagestore.model.import_request import Order
from imagestore.model.job import Job
from imagestore.model.task import TaskStatus

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Copying:
    """The part of import jobs that copies."""

    deps: Dependencies
    copies: CopyMaker
    recovery: Recovery
    tasks: JobTasks

    async def _copy(self, image_id: str, store: str, work: Work) -> None:
        try:
            await self.copies.copy(image_id, store, write=work.write, on_progress=work.progress)
        except InTheWay:
            # Left behind, perhaps, by the process that worked on this job before.
            await self.recovery.run(image_id)
            raise
        except (NotFound, Conflict, Gone) as error:
            raise GiveUp(error.message) from error
        except StoreError as error:
            log.warning("image %s was not copied: %s", image_id, error)
            raise as_upload_failure(error, error.store or store) from error

    async def run(self, work: Work, image_id: str, order: Order) -> None:
        """Copy into all stores of the order; those that have it by now are passed over."""
        image = await work.write(begin, image_id, order)
        if image is None:
            return
        failed: dict[str, ImagestoreError] = {}
        work.progress(0, image.size)
        for position, name in enumerate(order.stores):
            try:
                await self._copy(image_id, name, work)
            except ImagestoreError as error:
                # With the last attempt at the latest the other stores get their turn.
                is_last = work.is_last or isinstance(error, GiveUp)
                if order.all_must_succeed or not is_last:
                    await work.write(_advance, image_id, order.stores[position:], [name])
                    raise
                failed[name] = error
            await work.write(_advance, image_id, order.stores[position + 1 :], sorted(failed))
        if len(failed) == len(order.stores):
            raise GiveUp(next(iter(failed.values())).message)
        await work.write(self._end, work.job, image_id, order, sorted(failed))

    def _end(
        self, conn: Connection, job: Job, image_id: str, order: Order, failed: Sequence[str]
    ) -> None:
        row = images.get(conn, image_id)
        if row is not None:
            progress.end(conn, row.image, failed, staged=False)
        done = progress.listed(set(order.stores) - set(failed))
        self.tasks.succeed(conn, job, f"The image was copied to {done}.")

    def abandon(self, conn: Connection, image: Image, order: Order) -> None:
        """Take back the copies that were made, unless they are all that is left of the image.

        They are hidden at once, and a journal row for each has recovery remove their bytes.
        """
        stores = self.deps.stores
        made = {}
        for location in image.locations:
            store = stores.of(location)
            if store is not None and store.name in order.stores:
                made[store.name] = location
        if len(made) < len(image.locations):
            for name, location in made.items():
                assert location.id is not None
                locations.hide(conn, location.id)
                self.deps.intents.leave_removal(conn, image.id, name)
            images.update(conn, image.id, {"updated_at": now()})
        # Where a store is to blame, that one alone.
        progress.end(conn, image, progress.failed(image, order.stores), staged=False)


def _advance(
    conn: Connection, image_id: str, importing: Sequence[str], failed: Sequence[str]
) -> None:
    row = images.get(conn, image_id)
    if row is not None:
        progress.advance(conn, row.image, importing, failed)


def begin(conn: Connection, image_id: str, order: Order) -> Image | None:
    """The image, held by the task, which is told of; None if an earlier attempt was recorded."""
    task = tasks.get(conn, order.task)
    if task is not None and task.status is TaskStatus.SUCCESS:
        return None
    row = images.get(conn, image_id)
    if row is None or row.image.properties.get(progress.TASK) != order.task:
        raise GiveUp("The image is not there any more.")
    tasks.set_status(conn, order.task, TaskStatus.PROCESSING, now())
    return row.image
