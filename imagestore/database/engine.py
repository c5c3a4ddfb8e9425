"""The database as the rooms above see it: run this function in one transaction."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from imagestore.config import settings
from imagestore.database import characters, failures, migrations, urls
from imagestore.database.migrations import State
from imagestore.database.runner import Load, Operation, TransactionRunner
from imagestore.model.errors import ConfigurationError, Unavailable

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_LONGEST_PAUSE = 10.0
"""Seconds between two attempts to reach the database at start, at the most."""


class Observer(Protocol):
    """Called on the event loop, after each transaction; it must not block or raise."""

    def __call__(self, operation: str, seconds: float, *, failed: bool) -> object:
        """``operation``: select, read or write. ``failed``: the database did not answer."""


class Database:
    """One database. Functions that are run get a synchronous connection as first argument.

    They may be called again after a failure that passes (a deadlock, a lost
    connection), so they do nothing but talk to the database. Raises
    :class:`imagestore.model.errors.Unavailable` when it does not answer; their own
    errors pass through and undo what they did.
    """

    def __init__(self, config: settings.Database, observer: Observer | None = None) -> None:
        """``observer``: is told of each transaction that has ended."""
        self._config = config
        self._observer = observer
        self._url = urls.parse(config.connection)
        self._runner: TransactionRunner
        self._seconds: int | None = None
        """The longest that an operation may take; SQLite has limits of its own."""
        # Only the one that is configured: it brings its half of the library along.
        if urls.is_embedded(self._url):
            from imagestore.database.embedded import EmbeddedRunner

            self._runner = EmbeddedRunner(self._url)
        else:
            from imagestore.database.pooled import PooledRunner

            self._runner = PooledRunner(self._url, config)
            self._seconds = config.timeout

    @property
    def load(self) -> Load:
        """How busy its connections are at this moment."""
        return self._runner.load

    async def open(self) -> None:
        """Connect, and upgrade the tables if ``auto_upgrade`` is set.

        Raises :class:`ConfigurationError` if the tables are not what this release needs.
        """
        await self.connect()
        if self._config.auto_upgrade:
            await self.upgrade()
        state = await self.check()
        if not state.serves(upgrades=False):
            raise ConfigurationError(f"[database] connection: {state.advice}")

    async def connect(self) -> None:
        """Connect, whatever it holds. Tries ``max_retries`` times, for ever if negative.

        :class:`ConfigurationError` at once for what the database will not take later either.
        """
        attempt = 0
        while True:
            try:
                return await self._runner.start()
            except Exception as error:
                await self._runner.stop()
                where, reason = f"[database] connection: {self._place}", failures.described(error)
                if failures.is_refusal(error):
                    raise ConfigurationError(f"{where}: {reason}") from error
                if failures.translated(error) is None:
                    raise
                attempt += 1
                if 0 <= self._config.max_retries < attempt:
                    raise Unavailable(f"{where} does not answer: {reason}") from error
                log.warning("%s does not answer (attempt %d): %s", where, attempt, reason)
                await asyncio.sleep(min(attempt, _LONGEST_PAUSE))

    @property
    def _place(self) -> str:
        """Where the database is, in words that hold no secret."""
        if urls.is_embedded(self._url):
            return self._url.database or ""
        # Of several servers the URL names each as a parameter.
        if named := self._url.query.get("host"):
            return named if isinstance(named, str) else ", ".join(named)
        host = self._url.host or "localhost"
        return f"{host}:{self._url.port}" if self._url.port else host

    async def close(self) -> None:
        """End what is under way and close all connections."""
        await self._runner.stop()

    async def select(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What :meth:`read` does, of a function that sends one statement at the most.

        On a server that is one round trip, where a transaction takes two more.
        """
        return await self._observed(
            "select", self._runner.select, lambda conn: function(conn, *args, **kwargs)
        )

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``function(connection, *args, **kwargs)`` on one snapshot of the data."""
        return await self._observed(
            "read", self._runner.read, lambda conn: function(conn, *args, **kwargs)
        )

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same in one transaction: committed and durable on return, undone on error.

        One whose caller is cancelled meanwhile may or may not have taken place.
        """
        return await self._observed(
            "write", self._runner.write, lambda conn: function(conn, *args, **kwargs)
        )

    async def upgrade(self) -> None:
        """Create or upgrade the tables. Of several processes that start together one does it."""
        await self._repeat(self._runner.write_without_limit, migrations.upgrade)

    async def contract(self) -> Sequence[str]:
        """Drop what only nodes of older releases need; the names."""
        return await self._repeat(self._runner.write_without_limit, migrations.contract)

    async def widen(self) -> list[str]:
        """Have the tables hold characters of four bytes; the columns that did not yet."""
        return await self._repeat(self._runner.write_without_limit, characters.widen)

    async def version(self) -> str | None:
        """The revision that the tables stand at; None if they are not ours."""
        return await self.read(migrations.version)

    async def check(self) -> State:
        """Whether the tables are what this release needs."""
        return await self.read(migrations.check)

    async def _observed(
        self, name: str, run: Callable[[Operation[T]], Awaitable[T]], operation: Operation[T]
    ) -> T:
        if self._observer is None:
            return await self._persist(run, operation)
        begin, failed = time.perf_counter(), False
        try:
            return await self._persist(run, operation)
        except Unavailable:
            failed = True
            raise
        finally:
            self._observer(name, time.perf_counter() - begin, failed=failed)

    async def _persist(
        self, run: Callable[[Operation[T]], Awaitable[T]], operation: Operation[T]
    ) -> T:
        if self._seconds is None:
            return await self._repeat(run, operation)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._repeat(run, operation)
        except TimeoutError as error:
            log.error("the database did not answer within %d seconds", self._seconds)
            raise Unavailable("The database does not answer.") from error

    async def _repeat(
        self, run: Callable[[Operation[T]], Awaitable[T]], operation: Operation[T]
    ) -> T:
        for attempt in range(failures.ATTEMPTS):
            try:
                return await run(operation)
            except Exception as error:
                told = failures.translated(error)
                if failures.may_pass(error) and attempt + 1 < failures.ATTEMPTS:
                    log.info(
                        "the database failed for a passing reason: %s", failures.described(error)
                    )
                elif told is not None:
                    log.error("the database failed: %s", failures.described(error))
                    raise told from error
                else:
                    raise
            await asyncio.sleep(failures.pause(attempt))
        raise AssertionError("unreachable")
