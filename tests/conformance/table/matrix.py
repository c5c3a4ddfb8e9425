"""What a row of the matrix of routes and callers is, and who asks it.

A caller asks on ground of his own, so that an answer depends on nobody who came before; where
nothing is changed for those who come later, the callers of a row share it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

from tests.conformance.entry import Request, Scene, each, scene

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


def matrix(
    group: str,
    ground: tuple[Request, ...],
    rows: Mapping[str, Row],
    harmless: Collection[str] = (),
) -> Iterator[Scene]:
    """Every row asked by every kind of caller; cases are called ``group/row-as-kind``.

    ``harmless`` rows change nothing that the others of the row see, as no GET does.
    """
    for row, (before, asked) in rows.items():
        setup = (*ground, *before)
        cases = {
            f"{group}/{row}-as-{kind}": replace(asked, caller=caller)
            for kind, caller in CALLERS.items()
        }
        if asked.method == "GET" or row in harmless:
            yield scene(setup, cases)
        else:
            yield from each(setup, cases)


def outcome(request: Request) -> Request:
    """``request`` with only the status of the answer compared."""
    return replace(request, status_only=True)
