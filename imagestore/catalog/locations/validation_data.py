"""Hashes that a caller says the bytes at a location have. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from imagestore.model.errors import Conflict, Invalid
from imagestore.model.image import Image


def check_digest(algorithm: str, value: str) -> None:
    """Raise :class:`Invalid` unless ``value`` is a digest of that algorithm in hexadecimal."""
    try:
        length = len(bytes.fromhex(value))
    except ValueError:
        raise Invalid("A hash is written in hexadecimal digits.") from None
    wanted = hashlib.new(algorithm, usedforsecurity=False).digest_size
    if length != wanted or len(value) != 2 * wanted:
        raise Invalid(f"A hash by {algorithm} has {2 * wanted} hexadecimal digits.")


def given(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What locations that are added together say; :class:`Conflict` if they disagree."""
    found: dict[str, str] = {}
    for entry in entries:
        for name, value in entry.get("validation_data", {}).items():
            if found.setdefault(name, value) != value:
                raise Conflict(f"The locations have different values of {name}.")
    return found


def new_values(image: Image, pending: Mapping[str, Any], said: Mapping[str, str]) -> dict[str, str]:
    """What the image does not have yet; :class:`Conflict` if it has something else.

    ``pending``: what is about to be recorded of it.
    """
    new: dict[str, str] = {}
    for name, value in said.items():
        known = pending.get(name) or getattr(image, name)
        if known == value:
            continue
        if known:
            raise Conflict(f"{name} is already set with a different value.")
        new[name] = value
    return new
