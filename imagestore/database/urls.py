"""Database URLs: those of an existing configuration, turned to the drivers that are used here."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from imagestore.model.errors import ConfigurationError

DRIVERS = {
    "mysql": "mysql+asyncmy",
    "mariadb": "mariadb+asyncmy",
    "postgresql": "postgresql+asyncpg",
}
_SQLITE_DRIVERS = frozenset({"", "pysqlite", "aiosqlite"})
_RENAMED_PARAMETERS = {"postgresql+asyncpg": {"sslmode": "ssl"}}


def parse(connection: str) -> URL:
    """The URL to connect to; ``mysql+pymysql://`` and the like become the driver used here.

    ``sqlite://`` stays as it is and stands for the embedded database. Raises
    :class:`ConfigurationError` for one that cannot be used.
    """
    try:
        url = make_url(connection)
    except (ArgumentError, ValueError) as error:
        # The text is not repeated: it may hold a password.
        raise _wrong(
            "is not the URL of a database: sqlite:///FILE, postgresql://…, mysql://…"
        ) from error
    backend, _, driver = url.drivername.partition("+")
    if backend == "sqlite":
        if driver not in _SQLITE_DRIVERS:
            raise _wrong(f"{url.drivername} is not supported.")
        if url.database in (None, "", ":memory:"):
            raise _wrong("sqlite needs a file, sqlite:///FILE.")
        return url
    if backend not in DRIVERS:
        raise _wrong(f"{backend} is not supported.")
    target = DRIVERS[backend]
    if url.drivername == target:
        return url
    renamed = _RENAMED_PARAMETERS.get(target, {})
    query = {renamed.get(name, name): value for name, value in url.query.items()}
    return url.set(drivername=target, query=query)


def is_embedded(url: URL) -> bool:
    """Whether the database is a file that this process opens by itself, without a driver."""
    return url.drivername in ("sqlite", "sqlite+pysqlite")


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(f"[database] connection: {what}")
