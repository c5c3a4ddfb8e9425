"""What a list of changes makes of an image. Pure; who may ask is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from imagestore.model.changes import Change
from imagestore.model.errors import Conflict, Forbidden
from imagestore.model.image import (
    BASE_ATTRIBUTES,
    IMMUTABLE_ONCE_USED,
    Image,
    ImageStatus,
    Visibility,
)

COLUMNS = (
    "name",
    "visibility",
    "protected",
    "os_hidden",
    "owner",
    "container_format",
    "disk_format",
    "min_disk",
    "min_ram",
)
"""The attributes that callers may change, each a column of its own."""

_WITHOUT_DATA = frozenset({ImageStatus.QUEUED, ImageStatus.IMPORTING})


def amend(image: Image, changes: Sequence[Change]) -> Image:
    """The image after all ``changes``, in order. The given one is left as it was."""
    after = copy(image)
    after.properties = dict(image.properties)
    for change in changes:
        if change.name in BASE_ATTRIBUTES:
            _set_attribute(after, change)
        else:
            _set_property(after, change)
    return after


def changed_columns(before: Image, after: Image) -> dict[str, Any]:
    """Columns and new values where the two differ."""
    return {
        name: getattr(after, name)
        for name in COLUMNS
        if getattr(before, name) != getattr(after, name)
    }


def _set_attribute(image: Image, change: Change) -> None:
    name = change.name
    if change.op == "remove":
        raise Forbidden(f"Attribute {name} may not be removed.")
    if change.must_be_new:
        raise Conflict(f"Property {name} already present.")
    if name in IMMUTABLE_ONCE_USED and image.status not in _WITHOUT_DATA:
        raise Forbidden(f"Attribute {name} can only be changed while the image has no data.")
    if name == "tags":
        image.tags = change.value
    elif name == "visibility":
        image.visibility = Visibility(change.value)
    elif name in COLUMNS:
        setattr(image, name, change.value)
    else:
        raise Forbidden(f"Attribute {name} is read-only.")


def _set_property(image: Image, change: Change) -> None:
    name = change.name
    present = name in image.properties
    if change.op == "add":
        if present and change.must_be_new:
            raise Conflict(f"Property {name} already present.")
        image.properties[name] = change.value
    elif not present:
        raise Conflict(f"Property {name} does not exist.")
    elif change.op == "replace":
        image.properties[name] = change.value
    else:
        del image.properties[name]
