"""What a failure of the database means: try again, bad input, or not available."""

from __future__ import annotations

import os
import random
import sqlite3

from sqlalchemy import exc

from imagestore.model.errors import ImagestoreError, Invalid, Unavailable

ATTEMPTS = 5
"""How often an operation is tried that lost against another one, or its connection."""

_MYSQL_UNDONE = frozenset({1020, 1205, 1213})
"""Record changed, lock wait, deadlock; also the certification conflict of a Galera cluster."""
_MYSQL_PASSING = _MYSQL_UNDONE | {
    *(1040, 1047, 1053, 1158, 1159, 1160, 1161, 1180, 1290, 1836, 1927, 2003, 2006, 2013, 2055)
}
"""Too many connections, node not ready (Galera), shutdown, net errors, error at commit,
read-only, killed, no connection, gone, lost."""
_MYSQL_TOO_SLOW = frozenset({1317, 1969, 3024})
"""Interrupted, time limit of MariaDB, of MySQL."""
_MYSQL_REFUSED = frozenset({1267, 1270, 1271, 1366, 3988})
"""Characters that the column does not hold: compared, or to be stored."""
_POSTGRESQL_UNDONE = frozenset({"40001", "40P01", "55P03"})
"""Serialization, deadlock, lock not available."""
_POSTGRESQL_PASSING = _POSTGRESQL_UNDONE | {"25006", "25P03", "57P01", "57P02", "57P03", "53300"}
"""Read-only, idle for too long, shutdowns and start, too many connections."""
_AT_A_WRONG_SERVER = frozenset(
    {1047, 1053, 1290, 1836, "25006", "25P03", "57P01", "57P02", "57P03"}
)
"""The next connection may meet another server, or the one that took its place."""
_POSTGRESQL_FAULTS = ("08", "25006", "25P03", "40", "53", "55", "57", "58", "XX")
"""Classes of what is no fault of the statement."""

_REFUSED_FOR_GOOD = frozenset(
    {1044, 1045, 1049, 1130, 1251, 1698, 2049, 2059, "28000", "28P01", "3D000", "42501"}
)
"""User, password, database or way of authentication that a server does not take, by the lists of
MySQL and of PostgreSQL: the same will not do later."""
_NOT_LET_IN = frozenset({"28000", "28P01", "3D000"})
"""Those of PostgreSQL, of which its driver makes errors of no class of the library."""
_UNUSABLE = ("unable to open database file", "readonly database", "access permission denied")
"""What SQLite says of a file that it may not open or write."""

_NO_ANSWER = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OSError, sqlite3.Error)
"""SQLite's own: from where its driver is used without the library."""


class OutcomeUnknown(Unavailable):
    """The connection was lost while a transaction was committed: it took place, or it did not."""

    def __init__(self) -> None:
        super().__init__("The database does not answer; the change may have taken place.")


def may_pass(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again from its beginning."""
    if isinstance(error, (exc.TimeoutError, OSError)):
        return True
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated:
            return True
    elif not isinstance(error, sqlite3.Error):
        return False
    code = _code(error)
    if isinstance(code, str):
        return code in _POSTGRESQL_PASSING or code.startswith("08")
    if code is not None:
        return code in _MYSQL_PASSING
    return "database is locked" in str(error)


def is_definite(error: exc.DBAPIError) -> bool:
    """Whether a commit that failed so has surely changed nothing."""
    code = _code(error)
    return not error.connection_invalidated and (
        code in _MYSQL_UNDONE or code in _POSTGRESQL_UNDONE or str(code).startswith("23")
    )


def is_of_connection(cause: BaseException | None) -> bool:
    """Whether the connection is of no use any more: out of step, or to a server that is read-only,
    is shut down, or is out of its cluster."""
    if type(cause).__name__ in ("InternalClientError", "InterfaceError"):
        return True
    return _code(cause) in _AT_A_WRONG_SERVER


def is_refusal(error: BaseException) -> bool:
    """Whether the database does not take the user, the password or the name that it is given, and
    will not do so later either."""
    told = described(error)
    return _code(error) in _REFUSED_FOR_GOOD or any(words in told for words in _UNUSABLE)


def described(error: BaseException) -> str:
    """What the server or its driver says, without what the library puts around it."""
    cause: BaseException = getattr(error, "orig", None) or error
    if isinstance(cause, OSError) and cause.strerror and cause.errno:
        return os.strerror(cause.errno) if cause.errno > 0 else cause.strerror
    words = [str(each) for each in cause.args if isinstance(each, str) and each]
    return " ".join((words[-1] if words else str(cause) or type(cause).__name__).split())


def pause(attempt: int) -> float:
    """Seconds to wait after a failed attempt, 0 the first: longer each time, never in step."""
    return 0.02 * float(2**attempt) * (0.5 + random.random())  # noqa: S311 (no secret)


def translated(error: BaseException) -> ImagestoreError | None:
    """What a caller is told of an error; None if it is none of the database."""
    if _is_value_refused(error):
        return Invalid("A value is larger than the database can hold, or has characters it cannot.")
    code = _code(error)
    if isinstance(error, _NO_ANSWER) or may_pass(error) or code in _NOT_LET_IN:
        return Unavailable("The database does not answer.")
    if code in _MYSQL_TOO_SLOW or str(code).startswith(_POSTGRESQL_FAULTS):
        return Unavailable("The database takes too long to answer.")
    return None


def _is_value_refused(error: BaseException) -> bool:
    if isinstance(error, (OverflowError, UnicodeEncodeError, exc.DataError)):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    if _code(error) in _MYSQL_REFUSED:
        return True
    # asyncpg finds some out before the server does, and the library has no class for those.
    causes = (error.orig, getattr(error.orig, "__cause__", None))
    return any(_code(cause) == "22000" for cause in causes) or str(_code(error)).startswith("22")


def _code(error: BaseException | None) -> str | int | None:
    """SQLSTATE of PostgreSQL, or the number of MySQL's list; None if it has none."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    arguments = getattr(cause, "args", ())
    # The number first: MySQL's drivers tell a SQLSTATE too, which says less.
    if arguments and isinstance(arguments[0], int):
        return arguments[0]
    state: str | None = getattr(cause, "sqlstate", None)
    return state
