"""Operations on a database server: an asynchronous driver and a pool of connections."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from imagestore.config import settings
from imagestore.database import sqlite
from imagestore.database.runner import Operation, T
from imagestore.errors import ConfigurationError


class PooledRunner:
    """Each operation on a connection of its own from the pool."""

    def __init__(self, url: URL, config: settings.Database) -> None:
        options: dict[str, Any] = {
            "pool_size": config.max_pool_size,
            "max_overflow": config.max_overflow,
            "pool_recycle": config.connection_recycle_time,
        }
        try:
            self._engine = create_async_engine(url, **options)
        except ImportError as error:
            raise ConfigurationError(
                f"[database] connection: {url.drivername} needs the package {error.name}; "
                f"pip install imagestore[{url.get_backend_name()}]"
            ) from error
        self._is_sqlite = url.get_backend_name() == "sqlite"
        if self._is_sqlite:
            sqlite.set_up(self._engine.sync_engine)

    async def start(self) -> None:
        async with self._engine.connect():
            pass

    async def stop(self) -> None:
        await self._engine.dispose()

    async def read(self, operation: Operation[T]) -> T:
        async with self._engine.begin() as conn:
            return await conn.run_sync(operation)

    async def write(self, operation: Operation[T]) -> T:
        async with self._engine.connect() as conn:
            if self._is_sqlite:
                await conn.run_sync(sqlite.for_writing)
            async with conn.begin():
                return await conn.run_sync(operation)
