"""What a failure of the database means: try again, bad input, or not available."""

from __future__ import annotations

import random
import sqlite3

from sqlalchemy import exc

from imagestore.errors import ImagestoreError, Invalid, Unavailable

ATTEMPTS = 5
"""How often an operation is tried that lost against another one, or its connection."""

_MYSQL_PASSING = frozenset({1020, 1040, 1053, 1158, 1159, 1160, 1161, 1205, 1213, 2006, 2013, 2055})
"""Record changed, too many connections, shutdown, net errors, lock wait, deadlock, gone, lost."""
_POSTGRESQL_PASSING = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"})
"""Serialization, deadlock, lock not available, shutdowns, too many connections."""

_NO_ANSWER = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OSError, sqlite3.Error)
"""SQLite's own: from where its driver is used without the library."""


def may_pass(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again from its beginning."""
    if isinstance(error, (exc.TimeoutError, OSError)):
        return True
    cause: BaseException | None = error
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated:
            return True
        cause = error.orig
    elif not isinstance(error, sqlite3.Error):
        return False
    code = getattr(cause, "sqlstate", None)
    if code is not None:
        return code in _POSTGRESQL_PASSING or str(code).startswith("08")
    arguments = getattr(cause, "args", ())
    if arguments and isinstance(arguments[0], int):
        return arguments[0] in _MYSQL_PASSING
    return "database is locked" in str(cause)


def pause(attempt: int) -> float:
    """Seconds to wait after a failed attempt, 0 the first: longer each time, never in step."""
    return 0.02 * float(2**attempt) * (0.5 + random.random())  # noqa: S311 (no secret)


def told(error: BaseException) -> ImagestoreError | None:
    """What a caller is told of an error; None if it is none of the database."""
    if isinstance(error, (OverflowError, UnicodeEncodeError, exc.DataError)):
        return Invalid("A value is larger than the database can hold, or has characters it cannot.")
    if isinstance(error, _NO_ANSWER):
        return Unavailable("The database does not answer.")
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return Unavailable("The database does not answer.")
    return None
