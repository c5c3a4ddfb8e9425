from __future__ import annotations

import sys

import pytest

from imagestore.config import settings
from imagestore.database import urls
from imagestore.database.engine import Database
from imagestore.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("configured", "used"),
    [
        ("mysql://u:p@h/d", "mysql+asyncmy://u:p@h/d"),
        (
            "mysql+pymysql://glance:p%40ss@db:3307/glance?charset=utf8",
            "mysql+asyncmy://glance:p%40ss@db:3307/glance?charset=utf8",
        ),
        ("mysql+mysqldb://u:p@h/d", "mysql+asyncmy://u:p@h/d"),
        ("mariadb+pymysql://u:p@h/d", "mariadb+asyncmy://u:p@h/d"),
        ("mysql+aiomysql://u:p@h/d", "mysql+asyncmy://u:p@h/d"),
        ("mysql+asyncmy://u:p@h/d", "mysql+asyncmy://u:p@h/d"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        (
            "postgresql+psycopg2://u:p@h/d?sslmode=require",
            "postgresql+asyncpg://u:p@h/d?ssl=require",
        ),
        ("postgresql+psycopg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("sqlite:////var/lib/images.sqlite", "sqlite:////var/lib/images.sqlite"),
        ("sqlite+aiosqlite:////var/lib/i", "sqlite+aiosqlite:////var/lib/i"),
    ],
)
def test_urls_of_existing_configurations(configured: str, used: str) -> None:
    url = urls.parse(configured)
    assert url.render_as_string(hide_password=False) == used
    assert urls.is_embedded(url) == used.startswith("sqlite:")


@pytest.mark.parametrize(
    "wrong",
    [
        "", "nonsense", "oracle://u:secret@h/d", "sqlite+pysqlcipher:///f",
        "unknown://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite://",
        "mysql://u:secret@h:port/d",
    ],
)  # fmt: skip
def test_urls_that_cannot_be_used(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\[database\] connection") as raised:
        urls.parse(wrong)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("backend", ["mysql", "mariadb"])
def test_a_driver_that_is_not_installed(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncmy", None)
    with pytest.raises(ConfigurationError, match=r"asyncmy.*pip install imagestore\[mysql\]"):
        Database(settings.Database(f"{backend}://u:p@h/d"))
