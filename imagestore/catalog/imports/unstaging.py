"""The jobs that belong to staged bytes: of which kind they are, and how such bytes go."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection

from imagestore.catalog.imports import progress
from imagestore.config.settings import Server
from imagestore.database import jobs
from imagestore.model.clock import now
from imagestore.model.image import Image, ImageStatus
from imagestore.model.job import ACTIVE, Job, JobDraft

IMPORT = "import"
UNSTAGE = "unstage"


def host_key(url: str | None) -> str:
    """The part of a kind of jobs that stands for a node; empty where all nodes do them."""
    return "@" + hashlib.sha256(url.encode()).hexdigest()[:16] if url else ""


def host_of(image: Image, server: Server) -> str:
    """:func:`host_key` of the node that has the staged bytes of the image."""
    url = image.properties.get(progress.STAGE_HOST)
    # Glance writes the address of all nodes where a node has none of its own.
    return "" if url == server.public_endpoint else host_key(url)


def unstage(host: str, image_id: str) -> JobDraft:
    """The job that removes the staged bytes of an image on the node that has them."""
    return JobDraft(UNSTAGE + host, image_id=image_id)


def imports_of(conn: Connection, image_id: str) -> list[Job]:
    """The imports into an image that go on or wait."""
    found = jobs.select_jobs(conn, states=ACTIVE, image_id=image_id)
    return [job for job in found if job.kind.partition("@")[0] == IMPORT]


def leave(conn: Connection, image: Image, server: Server) -> None:
    """The image is being deleted: whatever was staged for it goes, whatever imports it ends."""
    if image.status not in (ImageStatus.UPLOADING, ImageStatus.IMPORTING):
        return
    moment = now()
    importing = imports_of(conn, image.id)
    for job in importing:
        jobs.request_cancel(conn, job.id, moment)
    if not importing:
        jobs.enqueue(conn, unstage(host_of(image, server), image.id), moment)
