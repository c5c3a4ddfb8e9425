"""How operations are run: the interface between :class:`Database` and the two ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Operation = Callable[[Connection], T]
"""One transaction: statements on a connection that it neither commits nor closes."""


@dataclass(frozen=True, slots=True)
class Load:
    """Connections, and transactions that wait for one, at this moment."""

    in_use: int
    idle: int
    waiting: int


class TransactionRunner(Protocol):
    """Runs each operation in one transaction. Errors of the driver pass through unchanged."""

    @property
    def load(self) -> Load: ...

    async def start(self) -> None:
        """Connect; raises if the database does not answer."""

    async def stop(self) -> None:
        """End what is under way and close every connection."""

    async def select(self, operation: Operation[T]) -> T:
        """Run it where it sends one statement at the most, which sees one moment by itself."""

    async def read(self, operation: Operation[T]) -> T:
        """Run it on one snapshot of the data."""

    async def write(self, operation: Operation[T]) -> T:
        """Run it and commit: durable when this returns, undone when it raises."""

    async def write_without_limit(self, operation: Operation[T]) -> T:
        """The same for as long as it takes: an upgrade of large tables."""
