"""What a caller wants an image to become: a draft of a new one, or changes to one. Pure data.

``api`` has checked names, types and values when it builds these; what depends
on the image as it stands is for ``catalog``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """An image that is to be created.

    ``attributes``: base attributes that were given, by the names of
    :class:`imagestore.model.image.Image`, without tags. ``tags``: in the order given,
    each once. ``properties``: custom properties.
    """

    attributes: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a PATCH: set (``add``, ``replace``) or ``remove`` what ``name`` stands for.

    ``name``: a base attribute or a custom property. ``value``: as checked by the
    schema (tags: a tuple, each once); None for ``remove``.
    ``must_be_new``: an ``add`` that is a conflict if the name has a value (media
    type 2.0; in 2.1 it overwrites).
    ``index``: only for ``locations``: the place in the list, ``-`` for its end,
    None for the whole list.
    """

    op: Literal["add", "replace", "remove"]
    name: str
    value: Any = None
    must_be_new: bool = False
    index: int | Literal["-"] | None = None
