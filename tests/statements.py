"""Compiled statements of SQLite, kept over the engines of a run.

A service compiles each of its statements once and runs for months. A test has a service of its
own, which would spend more time on compiling them than on all else that it does.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

_MOST = 5000
"""Statements that are kept; those with a list in them come in many forms."""


class _Statements(dict[Any, Any]):
    """By what SQLAlchemy takes for their keys, but for the dialect: each engine has its own, and
    those of one kind are alike."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get((key[0].driver, *key[1:]), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        if len(self) >= _MOST:
            self.clear()
        super().__setitem__((key[0].driver, *key[1:]), compiled)


_KEPT = _Statements()


def keep() -> None:
    event.listen(Engine, "engine_connect", _hand_out)


def _hand_out(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execution_options(compiled_cache=_KEPT)
