"""Two runs of the table side by side."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.normalise import Record

ANY = "…"
"""In a listed difference: whatever value it is."""
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Delta:
    """One thing in which two runs differ.

    ``field`` is where: ``2.status`` is the status of the case's second request,
    ``1.headers.etag`` a header, ``1.body.images.0.name`` a place in a JSON body.
    Where the status differs, nothing else of that answer is compared.
    """

    case: str
    field: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.case} {self.field}: Glance {_short(self.theirs)}, ours {_short(self.ours)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that is meant: ``cases`` and ``field`` are shell patterns."""

    cases: tuple[str, ...]
    field: str
    theirs: Any
    ours: Any
    reason: str

    def covering(self, delta: Delta) -> list[str]:
        """The patterns of ``cases`` by which this is about ``delta``."""
        if not fnmatch.fnmatchcase(delta.field, self.field):
            return []
        for listed, found in ((self.theirs, delta.theirs), (self.ours, delta.ours)):
            if listed is not ANY and listed != found:
                return []
        return [case for case in self.cases if fnmatch.fnmatchcase(delta.case, case)]


def deltas(theirs: Mapping[str, list[Record]], ours: Mapping[str, list[Record]]) -> Iterator[Delta]:
    """All differences between two runs of the same cases, in order."""
    for case in sorted(theirs.keys() | ours.keys()):
        left, right = theirs.get(case, []), ours.get(case, [])
        if _setup(left) != _setup(right):
            yield Delta(case, "setup", _setup(left), _setup(right))
            continue
        for number, (one, other) in enumerate(zip(left, right, strict=True), 1):
            if one.get("status") != other.get("status"):
                yield Delta(case, f"{number}.status", one.get("status"), other.get("status"))
                continue
            yield from _walk(case, str(number), one, other)


def explain(
    found: Iterable[Delta], listed: Iterable[Difference]
) -> tuple[list[Delta], list[tuple[str, Difference]]]:
    """The differences that nobody listed, and what is listed but is no difference.

    The second names each pattern of a listed difference that covers none that was found.
    """
    left, used = [], set()
    entries = list(listed)
    for delta in found:
        reasons = [(case, at) for at, entry in enumerate(entries) for case in entry.covering(delta)]
        used.update(reasons)
        if not reasons:
            left.append(delta)
    stale = [
        (case, entry)
        for at, entry in enumerate(entries)
        for case in entry.cases
        if (case, at) not in used
    ]
    return left, stale


def _setup(records: list[Record]) -> str:
    return str(records[0].get("setup", "good")) if records else ABSENT


def _walk(case: str, where: str, left: Any, right: Any) -> Iterator[Delta]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            inner = f"{where}.{name}"
            yield from _walk(case, inner, left.get(name, ABSENT), right.get(name, ABSENT))
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _walk(case, f"{where}.{index}", one, other)
    elif left != right or type(left) is not type(right):
        yield Delta(case, where, left, right)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}..."
