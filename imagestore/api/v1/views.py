"""Images as v1 shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from imagestore.model.image import (
    DELETED_STATUSES,
    RESERVED_PREFIX,
    Image,
    ImageStatus,
    Visibility,
)

_COMING = {ImageStatus.UPLOADING: ImageStatus.SAVING, ImageStatus.IMPORTING: ImageStatus.SAVING}
"""v1 has one word for data that is on its way."""

BRIEF = ("id", "name", "size", "disk_format", "container_format", "checksum")
"""The fields of an image in ``GET /v1/images``."""


def status(image: Image) -> str:
    return _COMING.get(image.status, image.status).value


def shown_properties(image: Image) -> dict[str, str]:
    """Those that are not the service's own."""
    return {
        name: value
        for name, value in image.properties.items()
        if not name.startswith(RESERVED_PREFIX)
    }


def show(image: Image) -> dict[str, Any]:
    """All that v1 tells of an image. Where its data lies is told to nobody."""
    gone = image.status in DELETED_STATUSES
    view: dict[str, Any] = {
        "id": image.id,
        "name": image.name,
        "status": status(image),
        "size": image.size or 0,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "checksum": image.checksum,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "owner": image.owner,
        "is_public": image.visibility is Visibility.PUBLIC,
        "protected": image.protected,
        "created_at": _time(image.created_at),
        "updated_at": _time(image.updated_at),
        "deleted": gone,
        "deleted_at": _time(image.updated_at) if gone else None,
        "properties": shown_properties(image),
    }
    # Only if it is known: Glance's replicator sends on what it is shown, and cannot send null.
    return view if image.virtual_size is None else view | {"virtual_size": image.virtual_size}


def brief(image: Image) -> Mapping[str, Any]:
    view = show(image)
    return {name: view[name] for name in BRIEF}


def _time(moment: datetime) -> str:
    """UTC in whole seconds, without a zone."""
    return moment.isoformat(timespec="seconds")
