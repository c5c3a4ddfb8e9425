"""The matrix of routes and callers leaves out no route."""

from __future__ import annotations

import re

from imagestore.api.v2.routes import routes
from tests.conformance.table import rbac, rbac_equipped, rbac_metadefs
from tests.conformance.table.rbac import LATER

ROWS = (*rbac.ROWS.values(), *rbac_metadefs.ROWS.values(), *rbac_equipped.ROWS.values())


def test_every_route_has_a_row() -> None:
    asked = [(request.method, _as_sent(request.path)) for _, request in ROWS]
    without = [
        f"{route.method} {route.path}"
        for route in routes()
        if not route.path.startswith(LATER)
        and not any(
            method == route.method and _pattern(route.path).fullmatch(path)
            for method, path in asked
        )
    ]
    assert not without, "in tests/conformance/table/rbac.py"


def _as_sent(path: str) -> str:
    """The path with something in place of each name that stands for an id."""
    return re.sub(r"<[^>]+>", "x", path.partition("?")[0])


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)(:[^}]+)?\}", r".+", route))
