"""What an application credential is restricted to: requests of certain methods and paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_PART = re.compile(r"(?P<any>\*\*)|(?P<segment>\*|\{[^}]*\})|(?P<plain>[^*{]+|\{)")
"""``**``: anything; ``*`` or ``{name}``: a segment of the path; all else means itself."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Leave for requests of ``method`` to ``path`` (a pattern) of the service type ``service``."""

    service: str
    method: str
    path: str


def allow(rules: Iterable[AccessRule], service: str, method: str, path: str) -> bool:
    """Whether one of ``rules`` gives leave; ``path`` as in the request line, without a query."""
    return any(
        rule.service == service and rule.method == method and _pattern(rule.path).fullmatch(path)
        for rule in rules
    )


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    expression = ""
    for part in _PART.finditer(path):
        if part["any"]:
            expression += ".*"
        elif part["segment"]:
            expression += "[^/]+"
        else:
            expression += re.escape(part["plain"])
    return re.compile(expression, re.DOTALL)
