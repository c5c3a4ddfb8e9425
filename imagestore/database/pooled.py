"""Operations on a database server: an asynchronous driver and a pool of connections."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, NullPool, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from imagestore.config import settings
from imagestore.database import failures, sessions, sqlite
from imagestore.database.runner import Operation, T
from imagestore.model.errors import ConfigurationError


class PooledRunner:
    """Each operation on a connection of its own from the pool."""

    def __init__(self, url: URL, config: settings.Database) -> None:
        self._url = url
        self._is_sqlite = url.get_backend_name() == "sqlite"
        self._engine = self._make_engine(
            config.timeout,
            pool_size=config.max_pool_size,
            max_overflow=config.max_overflow,
            pool_recycle=config.connection_recycle_time,
            pool_timeout=config.pool_timeout,
        )

    async def start(self) -> None:
        async with self._engine.connect():
            pass

    async def stop(self) -> None:
        await self._engine.dispose()

    async def read(self, operation: Operation[T]) -> T:
        async with self._engine.connect() as conn:
            if not self._is_sqlite:
                await sessions.for_reading(conn)
            async with conn.begin():
                return await conn.run_sync(operation)

    async def write(self, operation: Operation[T]) -> T:
        async with self._engine.connect() as conn:
            return await self._write(conn, operation)

    async def write_without_limit(self, operation: Operation[T]) -> T:
        engine = self._make_engine(None, poolclass=NullPool)
        try:
            async with engine.connect() as conn:
                return await self._write(conn, operation)
        finally:
            await engine.dispose()

    async def _write(self, conn: AsyncConnection, operation: Operation[T]) -> T:
        if self._is_sqlite:
            await conn.run_sync(sqlite.for_writing)
        async with conn.begin() as transaction:
            if not self._is_sqlite:
                await sessions.for_writing(conn)
            result = await conn.run_sync(operation)
            try:
                await transaction.commit()
            except exc.DBAPIError as error:
                if failures.is_definite(error):
                    raise
                # It may have taken place. Run again, it would find its own traces.
                raise failures.OutcomeUnknown from error
            return result

    def _make_engine(self, seconds: int | None, **options: Any) -> AsyncEngine:
        if not self._is_sqlite:
            options["connect_args"] = sessions.connect_arguments(self._url)
        try:
            engine = create_async_engine(self._url, **options)
        except ImportError as error:
            raise ConfigurationError(
                f"[database] connection: {self._url.drivername} needs the package {error.name}; "
                f"pip install imagestore[{self._url.get_backend_name()}]"
            ) from error
        if self._is_sqlite:
            sqlite.set_up(engine.sync_engine)
        else:
            sessions.set_up(engine.sync_engine, seconds)
        return engine
