"""What the table is made of: requests, cases and the scenes that they share.

Paths, header values and bodies may hold names in angle brackets. ``<a>`` and other names
that nothing else claims stand for image ids: chosen when first mentioned, fresh in each
run, ascending in the order of mention. Names of callers (:data:`CALLERS`) stand for their
projects, ``<nonce>`` for a string of this scene only. Answers come back with the
same names, so that two runs compare equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a user named as the caller, in ``project`` with ``roles``."""

    project: str
    roles: str = "member,reader"


CALLERS: Final[Mapping[str, Caller | None]] = {
    "owner": Caller("owner"),
    "colleague": Caller("owner"),
    "manager": Caller("owner", "manager,member,reader"),
    "reader": Caller("owner", "reader"),
    "writer": Caller("owner", "member"),
    "roleless": Caller("owner", ""),
    "shouting": Caller("owner", "MEMBER,Reader"),
    "invited": Caller("invited"),
    "invited-reader": Caller("invited", "reader"),
    "second": Caller("second"),
    "other": Caller("other"),
    "other-reader": Caller("other", "reader"),
    "admin": Caller("admin", "admin,member,reader"),
    "bare-admin": Caller("admin", "admin"),
    "service": Caller("service", "service"),
    "homeless": Caller(""),
    "invalid": None,
    "anonymous": None,
}
"""``invalid`` sends credentials that are refused, ``anonymous`` sends none."""


class Absent(Enum):
    """The absence of a body, where null is one."""

    ABSENT = 0


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``json`` and ``body`` exclude each other; ``chunked`` sends no length."""

    method: str
    path: str
    caller: str = "owner"
    json: Any = ABSENT
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    label: str | None = None
    """Keeps the ``id`` of the answer under this name."""
    prose: bool = False
    """Descriptions in the answer are free text and not compared."""
    status_only: bool = False
    """The rest of the answer depends on the moment, or on other scenes."""


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of the table: its requests are asked in order, each answer is compared."""

    name: str
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """Cases on the same ground. ``setup`` must succeed; cases of one scene do not disturb
    each other, and scenes share nothing but the server."""

    setup: tuple[Request, ...]
    cases: tuple[Case, ...]


def scene(setup: Iterable[Request], cases: Mapping[str, Request | Iterable[Request]]) -> Scene:
    """Cases by name on common ground."""
    return Scene(tuple(setup), tuple(_case(name, asked) for name, asked in cases.items()))


def each(
    setup: Iterable[Request], cases: Mapping[str, Request | Iterable[Request]]
) -> Iterator[Scene]:
    """Cases by name, each on ground of its own made by the same ``setup``."""
    ground = tuple(setup)
    for name, asked in cases.items():
        yield Scene(ground, (_case(name, asked),))


def _case(name: str, asked: Request | Iterable[Request]) -> Case:
    return Case(name, (asked,) if isinstance(asked, Request) else tuple(asked))
