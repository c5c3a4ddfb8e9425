"""What a row of the matrix of routes and callers is, and who asks it.

A row asks on ground of its own, so that an answer depends on nobody who came before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from tests.conformance.entry import Request, Scene, each

CALLERS: Final[Mapping[str, str]] = {
    "admin": "admin",
    "manager": "manager",
    "member": "colleague",
    "reader": "reader",
    "service": "service",
    "owner": "owner",
    "shared-member": "invited",
    "other-project": "other",
    "no-token": "anonymous",
}
"""Kind of caller → the caller of the table who stands for it."""

Row = tuple[tuple[Request, ...], Request]
"""What happens before, by people who may, and what is then asked by everyone."""


def matrix(group: str, ground: tuple[Request, ...], rows: Mapping[str, Row]) -> Iterator[Scene]:
    """Every row asked by every kind of caller; cases are called ``group/row-as-kind``."""
    for row, (before, asked) in rows.items():
        for kind, caller in CALLERS.items():
            case = f"{group}/{row}-as-{kind}"
            yield from each((*ground, *before), {case: replace(asked, caller=caller)})


def outcome(request: Request) -> Request:
    """``request`` with only the status of the answer compared."""
    return replace(request, status_only=True)
