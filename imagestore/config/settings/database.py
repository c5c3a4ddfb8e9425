"""Where the metadata of images is kept."""

from __future__ import annotations

from dataclasses import dataclass

from imagestore.config.option import option

# One line for what an option is, and then what it means to whoever sets it.
# fmt: off


@dataclass(frozen=True, slots=True)
class Database:
    connection: str = option("", formerly=(("DEFAULT", "sql_connection"),), help=
        "SQLAlchemy URL. Without it, a SQLite file in the data directory.")
    max_pool_size: int = option(5, minimum=0, help=
        "Connections to the database that each worker keeps; 0: as many as it ever needed.")
    max_overflow: int = option(50, minimum=-1, help=
        "Connections beyond those that may be opened for a while; -1: no limit.")
    connection_recycle_time: int = option(
        3600, minimum=-1, formerly=(("database", "idle_timeout"),), unit="seconds", help=
        "Seconds after which a connection is replaced; -1: never.")
    max_retries: int = option(10, minimum=-1, help=
        "Attempts to reach the database at start; -1: for ever.")
    pool_timeout: float = option(30.0, minimum=0, unit="seconds", help=
        "Seconds to wait for a connection when all are in use.")
    timeout: int = option(
        30, group="imagestore", name="database_timeout", minimum=1, unit="seconds", help=
        "Seconds after which a request is answered that the database server did not answer it.")
    auto_upgrade: bool = option(False, group="imagestore", unset=None, help=
        "Bring the tables up to date at start. Unset: yes for SQLite, no for other databases, "
        "which several nodes may share: imagestore db upgrade does it there.")
