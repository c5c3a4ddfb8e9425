"""How every connection to a database server is set up, whatever the server's own defaults are.

Limits of time, so that nothing waits for ever; isolation that suits compare-and-swap;
and no value that is cut to fit without an error. Connections commit by themselves: a
single statement is one round trip, and transactions are begun and ended here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, event
from sqlalchemy.pool import ConnectionPoolEntry

from imagestore.database import failures

CONNECT_SECONDS = 10
"""How long a server may take to answer a new connection."""
LOCK_SECONDS = 10
"""How long a statement waits for a row that another transaction holds."""

_GUESSED = (
    *("enable_seqscan", "enable_bitmapscan", "enable_hashjoin"),
    *("enable_sort", "enable_incremental_sort", "jit"),
)
_ALONE = "imagestore_alone"
_CERTIFIED = "imagestore_certified"
_SEES_WHAT_WAS = 1 | 2 | 4
"""Of Galera: what reads, updates and inserts waits until its node has applied what others committed
before. A client's next request may meet another node, and so may the service's own."""


def engine_options(url: URL) -> dict[str, Any]:
    """For ``create_async_engine``."""
    return {
        "connect_args": _connect_arguments(url),
        "isolation_level": "AUTOCOMMIT",
        # The library would send a ROLLBACK whenever a connection is given back.
        "skip_autocommit_rollback": True,
        "pool_reset_on_return": None,
    }


def _connect_arguments(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "postgresql":
        return {"timeout": CONNECT_SECONDS}
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    # Else the driver takes the character set of the server, which may hold 3 bytes a character.
    defaults: dict[str, Any] = {"charset": "utf8mb4"}
    if url.get_driver_name() == "asyncmy":
        # A prepared statement of a list MariaDB plans without its values, and walks half of all
        # images; for others to have them prepared saves a tenth of their time.
        defaults["stmt_cache_size"] = 0
    return arguments | {name: defaults[name] for name in defaults.keys() - url.query.keys()}


def set_up(engine: Engine, seconds: int | None) -> None:
    """Configure each new connection. ``seconds``: how long a statement may run; None: for ever."""

    def configure(connection: Any, record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            for statement in _settings(engine.dialect.name, connection, seconds):
                cursor.execute(statement)
            if engine.dialect.name != "postgresql":
                # Neither MySQL nor every MariaDB has such a variable.
                cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
                if (cursor.fetchone() or ("", ""))[1] == "ON":
                    cursor.execute(f"SET SESSION wsrep_sync_wait = {_SEES_WHAT_WAS}")
                    record.info[_CERTIFIED] = True
        finally:
            cursor.close()

    event.listen(engine, "connect", configure)
    event.listen(engine, "before_cursor_execute", _refuse_another)
    event.listen(engine, "handle_error", _give_up_connection)


def is_certified(conn: Connection) -> bool:
    """Whether the server is a node of a Galera cluster, of which each has locks of its own: what
    two nodes write is compared when they commit, and what they only lock is not."""
    return _CERTIFIED in conn.info


def begin(conn: Connection, *, writing: bool) -> None:
    """Begin a transaction. One that reads sees one moment, of MariaDB as connections are set up.

    One that writes sees what others commit meanwhile: what was read before a lock was
    waited for would otherwise be believed after it.
    """
    if conn.dialect.name == "postgresql":
        mode = "" if writing else " ISOLATION LEVEL REPEATABLE READ READ ONLY"
        conn.exec_driver_sql(f"BEGIN{mode}")
    else:
        if writing:
            conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        conn.exec_driver_sql(f"START TRANSACTION{'' if writing else ' READ ONLY'}")


def commit(conn: Connection) -> None:
    conn.exec_driver_sql("COMMIT")


def undo(conn: Connection) -> None:
    """Undo the transaction, begun or not, so that nobody gets the connection with it."""
    if conn.invalidated:
        return
    try:
        conn.exec_driver_sql("ROLLBACK")
    except BaseException:
        conn.invalidate()
        raise


@contextmanager
def one_statement(conn: Connection) -> Iterator[None]:
    """Without a transaction, so that only one statement may be sent: it sees one moment."""
    info = conn.info
    info[_ALONE] = True
    try:
        yield
    finally:
        del info[_ALONE]


def _refuse_another(conn: Connection, *_: object) -> None:
    may = conn.info.get(_ALONE)
    assert may is not False, "a second statement would see another moment: use Database.read"
    if may:
        conn.info[_ALONE] = False


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
            # And where they say that rows lie in the order of some index, reading all of them by
            # it: only how many rows are read counts.
            "SET seq_page_cost = 0.1",
            "SET random_page_cost = 0.1",
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
