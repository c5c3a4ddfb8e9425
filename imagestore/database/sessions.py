"""How every connection to a database server is set up, whatever the server's own defaults are.

Limits of time, so that nothing waits for ever; isolation that suits compare-and-swap;
and no value that is cut to fit without an error.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncConnection

from imagestore.database import failures

CONNECT_SECONDS = 10
"""How long a server may take to answer a new connection."""
LOCK_SECONDS = 10
"""How long a statement waits for a row that another transaction holds."""

_GUESSED = (
    *("enable_seqscan", "enable_bitmapscan", "enable_hashjoin"),
    *("enable_sort", "enable_incremental_sort", "jit"),
)
_SNAPSHOT = {"isolation_level": "REPEATABLE READ"}


def connect_arguments(url: URL) -> dict[str, Any]:
    """For the driver's ``connect``."""
    if url.get_backend_name() == "postgresql":
        return {"timeout": CONNECT_SECONDS}
    # Else the driver takes the character set of the server, which may hold 3 bytes a character.
    charset = {} if "charset" in url.query else {"charset": "utf8mb4"}
    return {"connect_timeout": CONNECT_SECONDS, **charset}


def set_up(engine: Engine, seconds: int | None) -> None:
    """Configure each new connection. ``seconds``: how long a statement may run; None: for ever."""

    def configure(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        try:
            for statement in _settings(engine.dialect.name, connection, seconds):
                cursor.execute(statement)
        finally:
            cursor.close()
        # PostgreSQL takes a setting back when its transaction is rolled back.
        connection.commit()

    event.listen(engine, "connect", configure)
    event.listen(engine, "handle_error", _give_up_connection)


async def for_reading(conn: AsyncConnection) -> None:
    """Have the next transaction see one moment: MariaDB does, as its connections are set up."""
    if conn.dialect.name == "postgresql":
        await conn.execution_options(**_SNAPSHOT, postgresql_readonly=True)


async def for_writing(conn: AsyncConnection) -> None:
    """Have this transaction, which has just begun, see what others commit meanwhile.

    What was read before a lock was waited for would otherwise be believed after it.
    """
    if conn.dialect.name != "postgresql":
        await conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def _give_up_connection(context: ExceptionContext) -> None:
    """Have a connection that cannot be used any more replaced, also where the library keeps it."""
    if failures.is_of_connection(context.original_exception):
        context.is_disconnect = True


def _settings(dialect: str, connection: Any, seconds: int | None) -> list[str]:
    if dialect == "postgresql":
        milliseconds = (seconds or 0) * 1000
        return [
            f"SET statement_timeout = {milliseconds}",
            f"SET lock_timeout = {LOCK_SECONDS * 1000 if seconds else 0}",
            f"SET idle_in_transaction_session_timeout = {milliseconds}",
            # What SQLAlchemy does not set by itself begins with it.
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SET timezone = 'UTC'",
            # Each statement is written for an index. Where statistics are old, or are missing, or
            # take two filters for independent, reading all would look cheaper; compiling takes
            # longer than the longest of them.
            *(f"SET {one} = off" for one in _GUESSED),
        ]
    limit, modes = _of_mysql(connection, seconds)
    return [
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        f"SET SESSION sql_mode = '{modes}', {limit},"
        f" innodb_lock_wait_timeout = {LOCK_SECONDS if seconds else 3600}, time_zone = '+00:00'",
    ]


def _of_mysql(connection: Any, seconds: int | None) -> tuple[str, str]:
    """The limit for statements and the modes, in which MariaDB and MySQL differ."""
    if "MariaDB" in connection.driver_connection.get_server_info():
        # Else a list that is walked in its order, and tested row by row, first collects all
        # images that have the tag or property.
        walked = "optimizer_switch = 'exists_to_in=off'"
        return f"max_statement_time = {seconds or 0}, {walked}", "TRADITIONAL"
    # It limits reads alone; and it would round the fractions that its columns do not keep.
    modes = "TRADITIONAL,TIME_TRUNCATE_FRACTIONAL"
    return f"max_execution_time = {(seconds or 0) * 1000}", modes
