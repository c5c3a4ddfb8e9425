from __future__ import annotations

import sqlite3

import pytest
from asyncmy import errors as mysql
from asyncpg import exceptions as postgresql  # type: ignore[import-untyped]
from sqlalchemy import exc

from imagestore.database import failures
from imagestore.model.errors import Conflict, Invalid, Unavailable


def operational(cause: Exception, *, lost: bool = False) -> exc.OperationalError:
    return exc.OperationalError("SELECT 1", {}, cause, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (operational(sqlite3.OperationalError("database is locked")), True),
        (operational(sqlite3.OperationalError("database or disk is full")), False),
        (operational(sqlite3.OperationalError("no such table: images")), False),
        (operational(mysql.OperationalError(1213, "Deadlock found")), True),
        (operational(mysql.OperationalError(1205, "Lock wait timeout exceeded")), True),
        (operational(mysql.OperationalError(2006, "gone away")), True),
        (operational(mysql.OperationalError(1047, "WSREP has not yet prepared node")), True),
        (operational(mysql.OperationalError(1969, "max_statement_time exceeded")), False),
        (operational(mysql.OperationalError(1045, "Access denied")), False),
        (operational(postgresql.DeadlockDetectedError("deadlock")), True),
        (operational(postgresql.SerializationError("serialize")), True),
        (operational(postgresql.AdminShutdownError("shutdown")), True),
        (operational(postgresql.ConnectionDoesNotExistError("lost")), True),
        (operational(postgresql.ReadOnlySQLTransactionError("standby")), True),
        (operational(postgresql.QueryCanceledError("statement timeout")), False),
        (operational(postgresql.InvalidPasswordError("password")), False),
        (operational(Exception("anything"), lost=True), True),
        (exc.TimeoutError("QueuePool limit reached"), True),
        (ConnectionRefusedError(), True),
        (exc.IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE")), False),
        (Conflict("mine"), False),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_what_may_pass(error: Exception, passes: bool) -> None:
    assert failures.may_pass(error) is passes


@pytest.mark.parametrize(
    "error",
    [
        operational(sqlite3.OperationalError("secret")),
        sqlite3.DatabaseError("secret is not a database"),
        exc.InterfaceError("SELECT secret", {}, Exception()),
        exc.TimeoutError("secret"),
        ConnectionRefusedError("secret"),
        exc.DBAPIError("SELECT secret", {}, postgresql.DeadlockDetectedError("secret")),
        exc.DBAPIError("SELECT secret", {}, postgresql.QueryCanceledError("secret")),
    ],
    ids=repr,
)
def test_a_database_that_does_not_answer(error: Exception) -> None:
    told = failures.translated(error)
    assert isinstance(told, Unavailable)
    assert "secret" not in told.message


@pytest.mark.parametrize(
    "error",
    [
        OverflowError(),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"),
        exc.DataError("INSERT", {}, Exception()),
        exc.DBAPIError("INSERT", {}, postgresql.CharacterNotInRepertoireError("NUL")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_values_that_cannot_be_held(error: Exception) -> None:
    assert isinstance(failures.translated(error), Invalid)


@pytest.mark.parametrize(
    "error", [Conflict("mine"), ValueError(), exc.ProgrammingError("x", {}, Exception())], ids=repr
)
def test_errors_of_others(error: Exception) -> None:
    assert failures.translated(error) is None


def test_pauses_grow() -> None:
    for attempt in range(failures.ATTEMPTS):
        assert 0.01 * 2**attempt <= failures.pause(attempt) <= 0.03 * 2**attempt


def test_a_driver_that_tells_a_sqlstate_too() -> None:
    error = mysql.OperationalError(1205, "Lock wait timeout exceeded")
    error.sqlstate = "HY000"
    assert failures.may_pass(operational(error))


@pytest.mark.parametrize(
    ("error", "definite"),
    [
        (operational(mysql.OperationalError(1213, "Galera's certification")), True),
        (operational(postgresql.SerializationError("serialize")), True),
        (operational(postgresql.ForeignKeyViolationError("deferred")), True),
        (operational(mysql.OperationalError(2013, "lost")), False),
        (operational(postgresql.AdminShutdownError("shutdown")), False),
        (operational(mysql.OperationalError(1213, "and gone"), lost=True), False),
    ],
    ids=repr,
)
def test_commits_that_surely_failed(error: exc.DBAPIError, definite: bool) -> None:
    assert failures.is_definite(error) is definite
