"""Metadata in headers: ``x-image-meta-…`` of a request understood, and an image written as such.

What comes is UTF-8, as clients of 2014 write it, or percent-encoded, as later ones do. Nobody says
which: a client encodes if none of its headers of this kind holds a character that it would
have encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from imagestore.model.errors import Invalid

PREFIX = "x-image-meta-"
PROPERTY = "x-image-meta-property-"
COPY_FROM = "x-glance-api-copy-from"
PURGE = "x-glance-registry-purge-props"

FIELDS = frozenset(
    {
        "id", "name", "store", "disk_format", "container_format", "size", "checksum", "is_public",
        "min_ram", "min_disk", "owner", "protected", "location", "status", "created_at",
        "updated_at", "deleted_at", "deleted", "virtual_size", "copy_from", "uri",
    }
)  # fmt: skip
"""What may follow the prefix."""

_NUMBERS = frozenset({"size", "min_disk", "min_ram"})
_FLAGS = frozenset({"is_public", "protected"})
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_LARGEST = 2**63 - 1

_ENCODED = re.compile(r"(?:[A-Za-z0-9_.~/:-]|%[0-9A-Fa-f]{2})*")
"""All that is left by clients that encode."""
_URL = re.compile(r"[!-~]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME_SAFE = "!#$&'*+-.^_`|~"
"""Characters of a header's name (RFC 9110, 5.6.2), apart from letters and digits."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the headers of a request say of an image.

    ``fields``: those that were sent, by the names of v1: numbers, flags and texts; None for an
    empty one. ``properties``: by name in small letters, with ``_`` for ``-``, as gateways have
    always handed them on; empty for one that is to have no value. ``copy_from``: None if it was
    not sent.
    """

    fields: Mapping[str, Any]
    properties: Mapping[str, str]
    copy_from: str | None = None


def parse(headers: Iterable[tuple[str, str]]) -> Metadata:
    """What the headers say, those that are about an image. Raises :class:`Invalid`."""
    ours = [(name.lower(), text) for name, text in headers]
    ours = [(name, text) for name, text in ours if name.startswith(PREFIX) or name == COPY_FROM]
    encoded = all(_ENCODED.fullmatch(text) for _, text in ours)
    fields: dict[str, Any] = {}
    properties: dict[str, str] = {}
    copy_from = None
    for header, raw in ours:
        name = _text(header, encoded=True).lower()
        if name == COPY_FROM:
            copy_from = _address(raw, encoded)
            continue
        is_property = name.startswith(PROPERTY)
        known: dict[str, Any] = properties if is_property else fields
        name = name.removeprefix(PROPERTY if is_property else PREFIX).replace("-", "_")
        if name in known or not name:
            raise Invalid(f"The header {header} is there twice, or names nothing.")
        if is_property:
            properties[name] = _text(raw, encoded)
        elif name in FIELDS:
            fields[name] = _value(name, raw, encoded)
        else:
            raise Invalid(f"There is no header {header}.")
    return Metadata(fields, properties, copy_from)


def is_true(text: str) -> bool:
    return text.strip().lower() in _TRUE


def written(image: Mapping[str, Any]) -> list[tuple[str, str]]:
    """An image as :func:`imagestore.api.v1.views.show` has it, as headers: all that has a value."""
    fields = {name: value for name, value in image.items() if name != "properties"}
    found = [(PREFIX + name, value) for name, value in fields.items()]
    found += [(PROPERTY + name.lower(), value) for name, value in image["properties"].items()]
    return [
        (quote(name, safe=_NAME_SAFE), _CONTROL.sub(_escaped, str(value)))
        for name, value in found
        if value is not None
    ]


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"


def _value(name: str, raw: str, encoded: bool) -> Any:
    text = _address(raw, encoded) if name == "location" else _text(raw, encoded)
    if name in _FLAGS:
        return is_true(text)
    if name in _NUMBERS:
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST):
            raise Invalid(f"{name} must be a number that is not negative.")
        return int(text)
    return text or None


def typed(name: str, value: Any) -> Any:
    """A field as JSON has it, of the type that it has. Raises :class:`Invalid`."""
    if value is None:
        return None
    if name in _FLAGS or name == "deleted":
        fits = isinstance(value, bool)
    elif name in _NUMBERS or name == "virtual_size":
        fits = type(value) is int and 0 <= value <= _LARGEST
    else:
        fits = isinstance(value, str)
    if not fits:
        raise Invalid(f"{name} must not be {value!r}.")
    return value if value != "" else None


def _text(raw: str, encoded: bool) -> str:
    # Bytes that are no UTF-8 are handed up as lone surrogates.
    data = raw.encode("utf-8", "surrogateescape")
    if encoded and b"%" in data:
        try:
            return unquote_to_bytes(data).decode()
        except UnicodeDecodeError:
            pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        # What HTTP said once that it is (RFC 2616, 2.2).
        return data.decode("latin-1")


def _address(raw: str, encoded: bool) -> str:
    """A URL, which may hold percent signs of its own: what decodes to none was not encoded."""
    text = _text(raw, encoded)
    return text if _URL.fullmatch(text) else _text(raw, encoded=False)
