"""What the head of an answer says about an object, believed only where it is consistent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from imagestore.backends.errors import NotFound, Unavailable, Unusable
from imagestore.backends.http.faults import Broken

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.I)
_PASSING = (408, 425)
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,19})", re.I)


@dataclass(frozen=True, slots=True)
class Head:
    """``size`` in bytes of the whole object, None if the server does not say it.

    ``etag`` and ``last_modified`` are as the server wrote them. ``first`` is the offset of the
    first byte of the body; ``count`` the bytes of the body, None if the server only marks
    its end.
    """

    size: int | None
    etag: str | None = None
    last_modified: str | None = None
    validator: str | None = None
    """What tells this object from another at the same URL (RFC 9110, 8.8: a strong ETag,
    or a Last-Modified that is older than the answer); for If-Range."""
    first: int = 0
    count: int | None = None
    partial: bool = False
    """The server answers a request for a range with that range."""

    @property
    def end(self) -> int | None:
        """Where the body ends in the object; None if that is not known."""
        return None if self.count is None else self.first + self.count

    def same_object(self, other: Head) -> bool:
        """Whether both describe the same bytes, as far as the server tells."""
        return self.size == other.size and self.validator == other.validator is not None


def read_head(method: str, status: int, headers: Mapping[str, str]) -> Head:
    """The head of an answer to GET or HEAD, whose ``headers`` are found in any case.

    :class:`NotFound` for what is gone (404, 410); :class:`Unusable` for what is refused or has no
    end that can be told; :class:`Unavailable` for whatever else is no object. ``Content-Encoding``
    says nothing of the end, and many servers label a ``.gz`` with it: the bytes are taken as they
    come, as Glance does.
    """
    if status in (404, 410):
        raise NotFound("the server has nothing there")
    length = _length(headers)
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    head = Head(None, etag, modified, _validator(etag, modified, headers.get("Date")))
    if status == 416:
        match = _UNSATISFIED.fullmatch(headers.get("Content-Range", "").strip())
        return replace(head, size=int(match[1]) if match else None, count=0)
    if status == 429 or status >= 500:
        raise Broken(f"the server answers with status {status}")
    if 400 <= status < 500 and status not in _PASSING:
        raise Unusable(f"the server answers with status {status}")
    if status not in (200, 206):
        raise Unavailable(f"the server answers with status {status}")
    transfer = headers.get("Transfer-Encoding", "").strip().lower()
    if transfer not in ("", "chunked"):
        raise Unusable("the server sends the data in a transfer encoding that is not known")
    if method == "GET" and length is None and not transfer:
        # The end of the connection would be the end of the data, and so would any accident.
        raise Unusable("the server does not say where the data ends")
    if status == 200:
        return replace(head, size=length, count=length)
    match = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None:
        raise Unavailable("the server sends a part and does not say which")
    first, last = int(match[1]), int(match[2])
    size = None if match[3] == "*" else int(match[3])
    if last < first or (size is not None and last >= size):
        raise Unavailable("the server sends a part that cannot be")
    if length not in (None, last - first + 1):
        raise Unavailable("the server contradicts itself about the length")
    return replace(head, size=size, first=first, count=last - first + 1, partial=True)


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise Unavailable("the server names a length that is not a number")
    return int(text)


def _validator(etag: str | None, modified: str | None, date: str | None) -> str | None:
    if etag is not None and etag.startswith('"'):
        return etag
    if modified is None or date is None:
        return None
    try:
        older = parsedate_to_datetime(date) - parsedate_to_datetime(modified)
    except (TypeError, ValueError):
        return None
    return modified if older.total_seconds() >= 1 else None
