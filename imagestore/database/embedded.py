"""Operations on a SQLite file in this process: threads, one hop an operation, group commit.

An asynchronous driver would hop to a thread and back for every statement. Here
an operation crosses over once and runs whole. Writers take turns anyway, so one
thread writes; what has queued up meanwhile shares its next commit, and so the
one wait for the disk that makes it durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, exc

from imagestore.backends import private
from imagestore.database import sqlite
from imagestore.database.runner import Load, Operation, T
from imagestore.database.turns import Turns
from imagestore.model.errors import ConfigurationError, Unavailable

READERS = 2
"""Threads that read. Reads use the processor, so more of them would only take turns."""
BATCH = 64
"""The most operations that share a commit."""


class EmbeddedRunner:
    """Reads on a few threads, writes on one. Belongs to the event loop that started it."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            # Each thread keeps its connection.
            poolclass=NullPool,
            connect_args={"check_same_thread": False, "cached_statements": 512},
        )
        sqlite.set_up(self._engine)
        self._path = Path(url.database or "")
        self._turns: Turns | None = None
        self._reads: _Jobs | None = None
        self._writes: _Jobs | None = None
        self._threads: list[_Worker] = []

    @property
    def load(self) -> Load:
        busy = sum(thread.busy for thread in self._threads)
        waiting = sum(jobs.waiting for jobs in (self._reads, self._writes) if jobs is not None)
        return Load(busy, len(self._threads) - busy, waiting)

    async def start(self) -> None:
        assert not self._threads, "the database is open"
        # Found out here, and not by the first request: whether the file is a database.
        await asyncio.to_thread(self._try_to_connect)
        self._turns = turns = self._open_turns()
        self._reads = reads = _Jobs()
        self._writes = writes = _Jobs()
        self._threads = [_Reader(self._engine, reads) for _ in range(READERS)]
        self._threads.append(_Writer(self._engine, writes, turns))
        for thread in self._threads:
            thread.start()

    async def stop(self) -> None:
        """What was submitted is carried out, then the threads end."""
        threads, self._threads = self._threads, []
        for jobs in (self._reads, self._writes):
            if jobs is not None:
                jobs.end(len(threads))
        self._reads = self._writes = None
        for thread in threads:
            await asyncio.to_thread(thread.join)
        if self._turns is not None:
            self._turns.close()
            self._turns = None

    async def read(self, operation: Operation[T]) -> T:
        if self._reads is None:
            raise Unavailable("The database is closed.")
        return await self._reads.submit(operation)

    select = read  # one thread, no round trips: nothing is saved

    async def write(self, operation: Operation[T]) -> T:
        if self._writes is None:
            raise Unavailable("The database is closed.")
        return await self._writes.submit(operation)

    async def write_without_limit(self, operation: Operation[T]) -> T:
        return await self.write(operation)

    def _open_turns(self) -> Turns:
        path = self._path.with_name(self._path.name + "-turn")
        try:
            return Turns(path, sqlite.BUSY_TIMEOUT)
        except OSError as error:
            raise ConfigurationError(
                f"[database] connection: no file can be created in {path.parent}: {error.strerror}."
            ) from error

    def _try_to_connect(self) -> None:
        if not self._path.parent.is_dir():
            raise ConfigurationError(
                f"[database] connection: {self._path.parent} is not a directory."
            )
        with contextlib.suppress(OSError):  # of which SQLite's own message tells more
            private.make_file(self._path)
        for more in ("", "-wal", "-shm"):  # which SQLite makes with the mode of the first
            private.tighten(self._path.with_name(self._path.name + more))
        try:
            self._engine.connect().close()
        except exc.DatabaseError as error:
            if type(error) is not exc.DatabaseError:
                raise
            raise ConfigurationError(
                f"[database] connection: {self._path} is no database of SQLite."
            ) from error


@dataclass(slots=True, eq=False)
class _Job:
    """An operation and what came of it, on its way to a thread and back."""

    operation: Operation[Any]
    future: asyncio.Future[Any]
    context: Context = field(default_factory=copy_context)
    """Of the caller: what is recorded names the request that it is for."""
    result: Any = None
    error: Exception | None = None

    def run(self, conn: Connection) -> None:
        self.result = self.context.run(self.operation, conn)

    def resolve(self) -> None:
        """Runs on the event loop."""
        if self.future.done():
            return  # the caller went away
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Jobs:
    """A queue from the event loop to threads, and the way back."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()

    @property
    def waiting(self) -> int:
        """How many operations no thread has taken yet."""
        return self._queue.qsize()

    def submit(self, operation: Operation[T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Job(operation, future))
        return future

    def end(self, threads: int) -> None:
        """Have as many threads end as there are, after what was submitted before."""
        for _ in range(threads):
            self._queue.put(None)

    def take(self) -> _Job | None:
        """Wait for the next job; None: the thread is to end."""
        while (job := self._queue.get()) is not None:
            if not job.future.cancelled():
                return job
        return None

    def take_more(self, limit: int) -> Iterable[_Job]:
        """Jobs that are there already, at most ``limit``."""
        for _ in range(limit):
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._queue.put(None)
                return
            if not job.future.cancelled():
                yield job

    def give_back(self, jobs: list[_Job]) -> None:
        """Tell the callers what came of their jobs."""

        def resolve() -> None:
            for job in jobs:
                job.resolve()

        self._loop.call_soon_threadsafe(resolve)


class _Worker(threading.Thread):
    """A thread with a connection that it opens when needed, and anew when it was lost."""

    def __init__(self, engine: Engine, jobs: _Jobs, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._engine = engine
        self._jobs = jobs
        self._conn: Connection | None = None
        self.busy = False

    def run(self) -> None:
        while (job := self._jobs.take()) is not None:
            self.busy = True
            batch = [job]
            try:
                self._carry_out(batch)
            except Exception as error:
                for one in batch:
                    one.error = error
            self._jobs.give_back(batch)
            self.busy = False
        if self._conn is not None:
            self._conn.close()

    def _carry_out(self, batch: list[_Job]) -> None:
        """Run what is in the batch. Raises if nothing of it took effect."""
        raise NotImplementedError

    def _connection(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = self._engine.connect()
        return self._conn


class _Reader(_Worker):
    def __init__(self, engine: Engine, jobs: _Jobs) -> None:
        super().__init__(engine, jobs, "database-reader")

    def _carry_out(self, batch: list[_Job]) -> None:
        conn = self._connection()
        with conn.begin():
            for job in batch:
                job.run(conn)


class _Writer(_Worker):
    def __init__(self, engine: Engine, jobs: _Jobs, turns: Turns) -> None:
        super().__init__(engine, jobs, "database-writer")
        self._turns = turns

    def _carry_out(self, batch: list[_Job]) -> None:
        """Run together what has queued up; each is undone alone if it fails."""
        conn = self._connection()
        sqlite.for_writing(conn)
        with self._turns.mine(), conn.begin():
            # Asked only now: another process may have kept this one waiting.
            batch.extend(self._jobs.take_more(BATCH - len(batch)))
            for job in batch:
                self._carry_out_one(conn, job)

    def _carry_out_one(self, conn: Connection, job: _Job) -> None:
        # Straight to the driver: the library's own savepoints cost more than most operations.
        driver = conn.connection.driver_connection
        assert driver is not None
        driver.execute("SAVEPOINT operation")
        try:
            job.run(conn)
        except Exception as error:
            if not driver.in_transaction:
                # SQLite undid everything, as it does where the disk is full.
                raise
            job.error = error
            driver.execute("ROLLBACK TO operation")
        driver.execute("RELEASE operation")
