"""Database URLs: those of an existing configuration, turned to the drivers that are used here."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from imagestore.errors import ConfigurationError

_DRIVERS = {
    "mysql": "mysql+aiomysql",
    "mariadb": "mariadb+aiomysql",
    "postgresql": "postgresql+asyncpg",
}
_ASYNC_DRIVERS = frozenset({"aiomysql", "asyncmy", "asyncpg", "aiosqlite", "psycopg"})
_RENAMED_PARAMETERS = {"postgresql+asyncpg": {"sslmode": "ssl"}}


def parse(connection: str) -> URL:
    """The URL to connect to; ``mysql+pymysql://`` and the like become an async driver.

    ``sqlite://`` stays as it is and stands for the embedded database. Raises
    :class:`ConfigurationError` for one that cannot be used.
    """
    try:
        url = make_url(connection)
        backend, driver = url.get_backend_name(), url.get_driver_name()
    except (ArgumentError, ImportError) as error:
        # The text is not repeated: it may hold a password.
        raise ConfigurationError(
            "[database] connection is not the URL of a database that is known: "
            "sqlite:///FILE, postgresql://…, mysql://…"
        ) from error
    if backend == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ConfigurationError("[database] connection: sqlite needs a file, sqlite:///FILE.")
        return url
    if backend not in _DRIVERS:
        raise ConfigurationError(f"[database] connection: {backend} is not supported.")
    if driver in _ASYNC_DRIVERS:
        return url
    target = _DRIVERS[backend]
    renamed = _RENAMED_PARAMETERS.get(target, {})
    query = {renamed.get(name, name): value for name, value in url.query.items()}
    return url.set(drivername=target, query=query)


def is_embedded(url: URL) -> bool:
    """Whether the database is a file that this process opens by itself, without a driver."""
    return url.drivername in ("sqlite", "sqlite+pysqlite")
