"""Which names can be the id of an image, and so of something that the service has made."""

from __future__ import annotations

import re

_LENGTH = 36
_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
"""As the schema of images has it; its letters may be large in an id that a client chose."""


def is_id(name: str) -> bool:
    return _ID.fullmatch(name) is not None


def leading_id(name: str) -> str | None:
    """The id that a name begins with; None if it begins with something else."""
    return name[:_LENGTH] if _ID.match(name) else None


def ids_in(text: str) -> set[str]:
    """All that stand anywhere in a text, such as a location, in small letters."""
    return {found.lower() for found in _ID.findall(text)}
