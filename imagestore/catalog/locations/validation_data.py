"""Hashes that a caller says the bytes at a location have. Pure.

They are the image's when the bytes have been compared with them. Until then, and for good where the
operator has nothing hashed, they are kept beside the image: shown, as with Glance, and not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from imagestore.model.digest import CHECKSUM, Digest
from imagestore.model.errors import Conflict
from imagestore.model.image import CLAIMED_HASHES, Image


def digests(said: Mapping[str, str], algorithm: str) -> tuple[Digest, ...]:
    """What ``said`` comes to, the hash by ``algorithm`` where it names none.

    Raises :class:`imagestore.model.errors.Invalid` for what is no hash.
    """
    pairs = (
        (said.get("os_hash_algo", algorithm), said.get("os_hash_value")),
        (CHECKSUM, said.get("checksum")),
    )
    return tuple(Digest(name, value) for name, value in pairs if value is not None)


def columns(found: Mapping[str, Digest], algorithm: str) -> dict[str, str]:
    """What is recorded of an image whose bytes have these digests, by algorithm."""
    values = {"os_hash_algo": algorithm, "os_hash_value": found[algorithm].value}
    return values | ({"checksum": found[CHECKSUM].value} if CHECKSUM in found else {})


def agree(found: Mapping[str, Digest], wanted: Iterable[Digest]) -> bool:
    """Whether the digests that were computed, by algorithm, are the wanted ones."""
    return all(found.get(each.algorithm) == each for each in wanted)


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
        known = pending.get(name) or getattr(image, name) or image.claimed_hashes.get(name)
        if known and known.lower() != value:
            raise Conflict(f"{name} is already set with a different value.")
        if not known:
            new[name] = value
    return new


def as_property(said: Mapping[str, str]) -> dict[str, str]:
    """The property by which an image keeps what was said of it."""
    return {CLAIMED_HASHES: json.dumps(dict(said))} if said else {}
