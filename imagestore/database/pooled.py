"""Operations on a database server: an asynchronous driver and a pool of connections."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from imagestore.config import settings
from imagestore.database import failures, sessions, sqlite
from imagestore.database.runner import Load, Operation, T
from imagestore.model.errors import ConfigurationError

PATIENCE = 0.05
"""Seconds without a connection that comes free, after which more than the pool keeps are opened."""


class _Transactions(Protocol):
    """How the transactions of a database are begun and ended: a module of this room."""

    def begin(self, conn: Connection, *, writing: bool) -> None: ...

    def commit(self, conn: Connection) -> None: ...

    def undo(self, conn: Connection) -> None: ...


class PooledRunner:
    """Each operation on a connection of its own from the pool, in one greenlet from its checkout
    to its return: every change between the event loop and a greenlet costs as much as a statement.
    """

    def __init__(self, url: URL, config: settings.Database) -> None:
        self._url = url
        self._is_sqlite = url.get_backend_name() == "sqlite"
        self._transactions: _Transactions = sqlite if self._is_sqlite else sessions
        self._engine = self._make_engine(
            config.timeout,
            pool_size=config.max_pool_size,
            max_overflow=config.max_overflow,
            pool_recycle=config.connection_recycle_time,
            pool_timeout=config.pool_timeout,
            pool_use_lifo=True,  # the one that was used last is warm
        )
        self._kept = _Kept(config.max_pool_size or sys.maxsize)

    @property
    def load(self) -> Load:
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            return Load(0, 0, self._kept.waiting)
        return Load(pool.checkedout(), pool.checkedin(), self._kept.waiting)

    async def start(self) -> None:
        async with self._engine.connect():
            pass

    async def stop(self) -> None:
        await self._engine.dispose()
        # A connection of asyncmy is closed in the next turn of the loop, or complains without one.
        await asyncio.sleep(0)

    async def select(self, operation: Operation[T]) -> T:
        return await self._run(self._read if self._is_sqlite else self._select, operation)

    async def read(self, operation: Operation[T]) -> T:
        return await self._run(self._read, operation)

    async def write(self, operation: Operation[T]) -> T:
        return await self._run(self._write, operation)

    async def write_without_limit(self, operation: Operation[T]) -> T:
        engine = self._make_engine(None, poolclass=NullPool)
        try:
            return await greenlet_spawn(self._write, engine.sync_engine, operation)
        finally:
            await engine.dispose()

    async def _run(self, way: Callable[[Engine, Operation[T]], T], operation: Operation[T]) -> T:
        is_kept = await self._kept.acquire()
        try:
            return await greenlet_spawn(way, self._engine.sync_engine, operation)
        finally:
            if is_kept:
                self._kept.release()

    def _select(self, engine: Engine, operation: Operation[T]) -> T:
        with engine.connect() as conn, sessions.one_statement(conn):
            return operation(conn)

    def _read(self, engine: Engine, operation: Operation[T]) -> T:
        return self._transact(engine, operation, self._transactions.commit, writing=False)

    def _write(self, engine: Engine, operation: Operation[T]) -> T:
        return self._transact(engine, operation, self._commit, writing=True)

    def _transact(
        self,
        engine: Engine,
        operation: Operation[T],
        commit: Callable[[Connection], None],
        *,
        writing: bool,
    ) -> T:
        with engine.connect() as conn:
            try:
                self._transactions.begin(conn, writing=writing)
                result = operation(conn)
                commit(conn)
            except BaseException:
                self._transactions.undo(conn)
                raise
            return result

    def _commit(self, conn: Connection) -> None:
        try:
            self._transactions.commit(conn)
        except exc.DBAPIError as error:
            if failures.is_definite(error):
                raise
            # It may have taken place. Run again, it would find its own traces.
            raise failures.OutcomeUnknown from error

    def _make_engine(self, seconds: int | None, **options: Any) -> AsyncEngine:
        if not self._is_sqlite:
            options |= sessions.engine_options(self._url)
        try:
            engine = create_async_engine(self._url, **options)
        except ImportError as error:
            is_postgresql = self._url.get_backend_name() == "postgresql"
            raise ConfigurationError(
                f"[database] connection: {self._url.drivername} needs the package {error.name}; "
                f"pip install imagestore[{'postgresql' if is_postgresql else 'mysql'}]"
            ) from error
        if self._is_sqlite:
            sqlite.set_up(engine.sync_engine)
        else:
            sessions.set_up(engine.sync_engine, seconds)
        return engine


class _Kept:
    """Whose turn it is with the connections that the pool keeps.

    One that it does not keep is closed after one operation, and to open one costs as much
    as ten: so operations wait while connections come free, and for no longer.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._came_free = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def acquire(self) -> bool:
        """Whether the caller gets one; False: none has come free for :data:`PATIENCE`."""
        if self._free:
            self._free -= 1
            return True
        loop = asyncio.get_running_loop()
        if self._watch is None:
            self._came_free = False
            self._watch = loop.call_later(PATIENCE, self._look)
        mine: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(mine)
        try:
            return await mine
        except asyncio.CancelledError:
            if not mine.cancelled() and mine.result():
                self.release()
            raise

    def release(self) -> None:
        self._came_free = True
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(True)
                return
        self._free += 1

    def _look(self) -> None:
        self._watch = None
        if not self._came_free:
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(False)
            self._waiting.clear()
        self._came_free = False
        if self._waiting:
            self._watch = asyncio.get_running_loop().call_later(PATIENCE, self._look)
