from __future__ import annotations

from tests.database.conftest import database, mariadb, postgresql, url

__all__ = ["database", "mariadb", "postgresql", "url"]
