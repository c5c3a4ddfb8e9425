"""Which part of the data a download answers with, decided before any byte leaves.

Conditions and ranges are those of RFC 9110, sections 13 and 14. Beside ``Range``
the request header ``Content-Range`` is understood, which old clients send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from imagestore.model.errors import Invalid, UnsatisfiableRange


class Status(IntEnum):
    """What the response will be."""

    WHOLE = 200
    PART = 206
    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, ``length`` bytes from ``offset``, and the headers that belong to them.

    ``length`` is 0 where no data is sent.
    """

    status: Status
    offset: int = 0
    length: int = 0
    headers: dict[str, str] = field(default_factory=dict)


_RANGE = re.compile(r"([0-9]*)\s*-\s*([0-9]*)")
_CONTENT_RANGE = re.compile(r"bytes\s+([0-9]+)-([0-9]+)/(?:[0-9]+|\*)", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_MAX_DIGITS = 20


def choose(headers: Mapping[str, str], size: int, etag: str | None) -> Answer:
    """The answer to a request with these ``headers`` for data of ``size`` bytes.

    ``etag``: the strong entity tag in its quotes; None if there is none (no digest
    is known), when conditions on it fail. Raises :class:`UnsatisfiableRange`, and
    :class:`Invalid` for several ranges.
    """
    match = headers.get("If-Match")
    if match is not None and not _matches(match, etag):
        return Answer(Status.PRECONDITION_FAILED)
    none_match = headers.get("If-None-Match")
    if none_match is not None and _matches(none_match, etag, weak=True):
        return Answer(Status.NOT_MODIFIED, headers={"ETag": etag} if etag else {})
    wanted = headers.get("Range")
    if wanted is not None:
        condition = headers.get("If-Range")
        if condition is not None and condition.strip() != etag:
            # Another version than the one of which the client has the rest.
            return Answer(Status.WHOLE, 0, size)
        return _part(*_parse_range(wanted, size), size)
    legacy = headers.get("Content-Range")
    if legacy is not None:
        return _part(*_parse_content_range(legacy, size), size)
    return Answer(Status.WHOLE, 0, size)


def _part(first: int, last: int, size: int) -> Answer:
    """Both ends are inclusive and lie within the data."""
    return Answer(
        Status.PART,
        first,
        last - first + 1,
        {"Content-Range": f"bytes {first}-{last}/{size}"},
    )


def _matches(header: str, etag: str | None, *, weak: bool = False) -> bool:
    """Whether a list of entity tags, or ``*``, names the one that the data has."""
    if header.strip() == "*":
        return True
    if etag is None:
        return False
    tags = _ETAG.findall(header)
    return etag in tags or (weak and f"W/{etag}" in tags)


def _parse_range(header: str, size: int) -> tuple[int, int]:
    unit, equals, ranges = header.strip().partition("=")
    if not equals or unit.strip().lower() != "bytes":
        raise _unsatisfiable(size)
    if "," in ranges:
        raise Invalid("Several ranges in one request are not supported; ask for one at a time.")
    found = _RANGE.fullmatch(ranges.strip())
    if found is None or max(map(len, found.groups())) > _MAX_DIGITS:
        raise _unsatisfiable(size)
    first, last = found.groups()
    if not first:
        if not last or not int(last) or not size:
            raise _unsatisfiable(size)
        return max(size - int(last), 0), size - 1
    if int(first) >= size or (last and int(last) < int(first)):
        raise _unsatisfiable(size)
    return int(first), min(int(last), size - 1) if last else size - 1


def _parse_content_range(header: str, size: int) -> tuple[int, int]:
    """The whole of such a range must lie within the data; the total after it says nothing."""
    found = _CONTENT_RANGE.fullmatch(header.strip())
    if found is None or max(map(len, found.groups())) > _MAX_DIGITS:
        raise _unsatisfiable(size)
    first, last = int(found[1]), int(found[2])
    if not first <= last < size:
        raise _unsatisfiable(size)
    return first, last


def _unsatisfiable(size: int) -> UnsatisfiableRange:
    return UnsatisfiableRange(f"The range lies outside the data, which has {size} bytes.", size)
