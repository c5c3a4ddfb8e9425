"""A database server that speaks TLS alone, by the options that Glance's URLs have for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagestore.config import settings
from imagestore.database.engine import Database
from imagestore.model.errors import ConfigurationError, Unavailable
from tests.services import certificate, mariadb


@pytest.fixture
def server(tmp_path: Path) -> Iterator[mariadb.MariaDB]:
    if not mariadb.available() and not os.environ.get("CI"):
        pytest.skip("mariadb is not installed")
    mine = certificate.make(tmp_path / "mine.pem")
    tls = (f"--ssl-cert={mine}", f"--ssl-key={mine}", "--require-secure-transport=ON")
    started = mariadb.start(tmp_path, buffer_pool="64M", durable=False, options=tls)
    yield started
    started.stop()


async def cipher(url: str) -> str:
    database = Database(settings.Database(url, max_retries=0))
    try:
        await database.connect()
        statement = "SHOW STATUS LIKE 'Ssl_cipher'"
        return str(await database.read(lambda conn: conn.exec_driver_sql(statement).one()[1]))
    finally:
        await database.close()


async def test_mariadb_by_tls(server: mariadb.MariaDB, tmp_path: Path) -> None:
    assert await cipher(f"{server.url}&ssl_ca={tmp_path / 'mine.pem'}")
    by_name = server.url.replace("127.0.0.1", "localhost")
    assert await cipher(f"{by_name}&ssl_ca={tmp_path / 'mine.pem'}&ssl_check_hostname=true")


async def test_a_certificate_of_somebody_else(server: mariadb.MariaDB, tmp_path: Path) -> None:
    other = certificate.make(tmp_path / "other.pem")
    with pytest.raises(Unavailable):
        await cipher(f"{server.url}&ssl_ca={other}")
    with pytest.raises(ConfigurationError, match="Access denied"):
        await cipher(server.url)
