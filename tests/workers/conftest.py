from __future__ import annotations

from tests.database.conftest import database, mariadb, postgresql
from tests.database.every_way import url

__all__ = ["database", "mariadb", "postgresql", "url"]
