"""Operations on a SQLite file in this process: threads, one hop an operation, group commit.

An asynchronous driver would hop to a thread and back for every statement. Here
an operation crosses over once and runs whole. Writers take turns anyway, so one
thread writes; what has queued up meanwhile shares its next commit, and so the
one wait for the disk that makes it durable.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine

from imagestore.database import sqlite
from imagestore.database.runner import Operation, T

log = logging.getLogger(__name__)

READERS = 2
"""Threads that read. Reads use the processor, so more would only take turns."""
BATCH = 64
"""The most operations that share a commit."""


class EmbeddedRunner:
    """Reads on a few threads, writes on one. Belongs to the event loop that started it."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            poolclass=NullPool,
            connect_args={"check_same_thread": False, "cached_statements": 512},
        )
        sqlite.set_up(self._engine)
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._writer: _Writer | None = None

    async def start(self) -> None:
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        self._writer = _Writer(self._engine)
        await self.read(_nothing)

    async def stop(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await asyncio.to_thread(writer.stop)
        if self._readers is not None:
            readers, self._readers = self._readers, None
            await asyncio.to_thread(readers.shutdown)
        self._local = threading.local()
        self._engine.dispose()

    async def read(self, operation: Operation[T]) -> T:
        assert self._readers is not None, "the database is not open"
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, operation)

    async def write(self, operation: Operation[T]) -> T:
        assert self._writer is not None, "the database is not open"
        return await self._writer.submit(operation)

    def _read(self, operation: Operation[T]) -> T:
        conn: Connection | None = getattr(self._local, "connection", None)
        if conn is None or conn.closed:
            conn = self._local.connection = self._engine.connect()
        with conn.begin():
            return operation(conn)


@dataclass(slots=True)
class _Write:
    operation: Operation[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.future.done():
            return  # the caller went away
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Writer:
    """The one thread that writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation[T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Write(operation, future))
        return future

    def stop(self) -> None:
        """Finish what has been submitted and end the thread. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        conn: Connection | None = None
        ended = False
        while not ended:
            batch, ended = self._next_batch()
            if not batch:
                continue
            try:
                if conn is None or conn.closed:
                    conn = self._engine.connect()
                    sqlite.for_writing(conn)
                _run_together(conn, batch)
            except BaseException as error:
                for write in batch:
                    write.error = error
            self._tell(batch)
        if conn is not None:
            conn.close()

    def _next_batch(self) -> tuple[list[_Write], bool]:
        """Wait for one operation and take along what else is there; whether it was the end."""
        batch: list[_Write] = []
        item = self._queue.get()
        while item is not None:
            if not item.future.cancelled():
                batch.append(item)
            if len(batch) == BATCH:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _tell(self, batch: list[_Write]) -> None:
        def resolve() -> None:
            for write in batch:
                write.resolve()

        self._loop.call_soon_threadsafe(resolve)


def _run_together(conn: Connection, batch: list[_Write]) -> None:
    """Run all in one transaction, each undone alone if it fails. Raises if none took effect."""
    with conn.begin():
        for write in batch:
            _run_one(conn, write)


def _run_one(conn: Connection, write: _Write) -> None:
    # Straight to the driver: the library's own savepoints cost more than most operations.
    execute: Callable[[str], object] = conn.connection.driver_connection.execute  # type: ignore[union-attr]
    execute("SAVEPOINT operation")
    try:
        write.result = write.operation(conn)
    except Exception as error:
        write.error = error
        execute("ROLLBACK TO operation")
    execute("RELEASE operation")


def _nothing(conn: Connection) -> None:
    """An operation that does nothing but connect."""
