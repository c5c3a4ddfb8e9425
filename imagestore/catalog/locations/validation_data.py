"""Hashes that a caller says the bytes at a location have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imagestore.model.errors import Conflict
from imagestore.model.image import Image


def given(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What locations that are added together say, in small letters; :class:`Conflict` if they
    disagree."""
    found: dict[str, str] = {}
    for entry in entries:
        for name, value in entry.get("validation_data", {}).items():
            if found.setdefault(name, value.lower()) != value.lower():
                raise Conflict(f"The locations have different values of {name}.")
    return found


def new_values(image: Image, pending: Mapping[str, Any], said: Mapping[str, str]) -> dict[str, str]:
    """What the image does not have yet; :class:`Conflict` if it has something else.

    ``pending``: what is about to be recorded of it.
    """
    new: dict[str, str] = {}
    for name, value in said.items():
        known = pending.get(name) or getattr(image, name)
        if known and known.lower() == value:
            continue
        if known:
            raise Conflict(f"{name} is already set with a different value.")
        new[name] = value
    return new
