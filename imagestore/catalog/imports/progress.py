"""What an image tells of an import that goes on: its ``os_glance_`` properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from imagestore.database import properties
from imagestore.model.image import Image

TASK = "os_glance_import_task"
"""The task that holds the image: nobody else may import into it meanwhile."""
IMPORTING = "os_glance_importing_to_stores"
FAILED = "os_glance_failed_import"
STAGE_HOST = "os_glance_stage_host"
"""The node that has the staged bytes, by its ``worker_self_reference_url``."""

_ALL = (TASK, IMPORTING, FAILED, STAGE_HOST)


def begin(conn: Connection, image: Image, task: str, stores: Iterable[str]) -> None:
    """The image is held by ``task``; ``stores`` are shown as those to come."""
    _set(conn, image, {TASK: task, IMPORTING: listed(stores), FAILED: ""})


def advance(
    conn: Connection,
    image: Image,
    importing: Iterable[str],
    failed: Iterable[str],
    *,
    staged: bool = False,
) -> None:
    """Some stores are done with, one way or the other; ``staged``: so is what was staged."""
    gone = (STAGE_HOST,) if staged else ()
    _set(conn, image, {IMPORTING: listed(importing), FAILED: listed(failed)}, remove=gone)


def end(conn: Connection, image: Image, failed: Iterable[str], *, staged: bool) -> None:
    """The image is let go; ``staged``: so is what was staged for it."""
    gone = (TASK, STAGE_HOST) if staged else (TASK,)
    _set(conn, image, {IMPORTING: "", FAILED: listed(failed)}, remove=gone)


def failed(image: Image, stores: Sequence[str]) -> Sequence[str]:
    """The stores that the last attempt has failed for; all of ``stores`` if it blames none."""
    noted = image.properties.get(FAILED, "")
    return noted.split(",") if noted else stores


def set_stage_host(conn: Connection, image: Image, host: str) -> None:
    """Tell on which node the staged bytes are."""
    _set(conn, image, {STAGE_HOST: host})


def listed(stores: Iterable[str]) -> str:
    """As the API lists stores in one string; clients split it."""
    return ",".join(sorted(stores))


def _set(
    conn: Connection, image: Image, values: Mapping[str, str], remove: Iterable[str] = ()
) -> None:
    before = {name: image.properties[name] for name in _ALL if name in image.properties}
    after = {**before, **values}
    for name in remove:
        after.pop(name, None)
    properties.replace(conn, image.id, before, after)
