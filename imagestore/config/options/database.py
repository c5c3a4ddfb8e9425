"""The database."""

from __future__ import annotations

from oslo_config import cfg

from imagestore.config.option import Option
from imagestore.config.option import also as _also
from imagestore.config.option import fill as _fill
from imagestore.config.settings import Database

OPTIONS: tuple[Option, ...] = (
    # The database.
    _fill(
        Database, "database", "connection", cfg.StrOpt,
        "SQLAlchemy URL. Without it, a SQLite file in the data directory.",
        formerly=(("DEFAULT", "sql_connection"),),
    ),
    _fill(
        Database, "database", "max_pool_size", cfg.IntOpt,
        "Connections to the database that each worker keeps; 0: as many as it ever needed.", min=0,
    ),
    _fill(
        Database, "database", "max_overflow", cfg.IntOpt,
        "Connections beyond those that may be opened for a while; -1: no limit.", min=-1,
    ),
    _fill(
        Database, "database", "connection_recycle_time", cfg.IntOpt,
        "Seconds after which a connection is replaced; -1: never.", min=-1,
        formerly=(("database", "idle_timeout"),),
    ),
    _fill(
        Database, "database", "max_retries", cfg.IntOpt,
        "Attempts to reach the database at start; -1: for ever.", min=-1,
    ),
    _fill(
        Database, "database", "pool_timeout", cfg.FloatOpt,
        "Seconds to wait for a connection when all are in use.", min=0,
    ),
    _fill(
        Database, "imagestore", "database_timeout", cfg.IntOpt,
        "Seconds after which a request is answered that the database server did not answer it.",
        attribute="timeout", min=1,
    ),
    _also(
        "imagestore", "auto_upgrade", cfg.BoolOpt,
        "Bring the tables up to date at start. Unset: yes for SQLite, no for other databases, "
        "which several nodes may share: imagestore db upgrade does it there.",
    ),
)  # fmt: skip
