"""An image as a site tells of it: what is compared and what is carried over. Pure data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from imagestore.model.digest import recorded
from imagestore.model.errors import Invalid
from imagestore.model.image import BASE_ATTRIBUTES, RESERVED, RESERVED_PREFIX, ImageStatus

ATTRIBUTES = (
    "name", "visibility", "protected", "os_hidden", "owner",
    "container_format", "disk_format", "min_disk", "min_ram",
)  # fmt: skip
"""Attributes that a client may set; custom properties and ``tags`` are carried over too."""

WITH_DATA = frozenset({ImageStatus.ACTIVE, ImageStatus.DEACTIVATED})

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Record:
    """One image of a site.

    ``fields``: :data:`ATTRIBUTES`, ``tags`` (sorted, each once) and custom properties by name.
    ``size`` in bytes. ``updated_at`` by the clock of its site, in UTC without zone.
    """

    id: str
    status: str
    size: int | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    updated_at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_data(self) -> bool:
        return self.status in WITH_DATA

    def without(self, names: Iterable[str]) -> Record:
        """The same without some fields."""
        left_out = frozenset(names)
        kept = {name: value for name, value in self.fields.items() if name not in left_out}
        return replace(self, fields=kept)

    def document(self) -> dict[str, Any]:
        """As the Images API shows it: what :func:`from_document` takes."""
        facts = {
            "id": self.id,
            "status": self.status,
            "size": self.size,
            "checksum": self.checksum,
            "os_hash_algo": self.os_hash_algo,
            "os_hash_value": self.os_hash_value,
            "updated_at": self.updated_at.isoformat(timespec="seconds") + "Z",
        }
        return facts | dict(self.fields)


def has_same_bytes(one: Record, other: Record) -> bool:
    """Whether both have the same data, by the best digest that both know; by size if none."""
    if one.size != other.size:
        return False
    theirs = {digest.algorithm: digest for digest in recorded(other)}
    for digest in recorded(one):
        if digest.algorithm in theirs:
            return digest == theirs[digest.algorithm]
    return True


def from_document(document: Any) -> Record:
    """The record that a document of the Images API is.

    Raises :class:`Invalid` for one that is none: sites are not believed blindly, and ids
    become names of files.
    """
    if not isinstance(document, dict):
        raise Invalid("The site does not describe an image by a JSON object.")
    image_id = document.get("id")
    if not isinstance(image_id, str) or not _UUID.fullmatch(image_id):
        raise Invalid(f"The site has an image whose id is no UUID: {str(image_id)[:50]!r}.")
    size = document.get("size")
    tags = document.get("tags") or []
    if not (size is None or (isinstance(size, int) and size >= 0)) or not _are_texts(tags):
        raise Invalid(f"The site describes image {image_id} with a size or tags that are none.")
    fields: dict[str, Any] = {name: document[name] for name in ATTRIBUTES if name in document}
    if fields.get("owner") is None:
        # An image of nobody belongs at another site to whoever brings it.
        fields.pop("owner", None)
    fields["tags"] = tuple(sorted(set(tags)))
    fields |= {
        name: value
        for name, value in document.items()
        if is_property(name) and isinstance(value, str)
    }
    return Record(
        image_id,
        str(document.get("status")),
        size,
        _text(document.get("checksum")),
        _text(document.get("os_hash_algo")),
        _text(document.get("os_hash_value")),
        _moment(document.get("updated_at")),
        fields,
    )


def is_property(name: str) -> bool:
    """Whether a custom property may have that name."""
    return (
        name not in BASE_ATTRIBUTES
        and name not in RESERVED
        and not name.startswith(RESERVED_PREFIX)
    )


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        # Never seen at all: whatever compares it takes the image for new.
        return datetime.min
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
