"""The model: what an image is, which states it can be in, who can see it.

Pure: no I/O, no configuration. Field names and values are those of the OpenStack
Images API v2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ImageStatus(StrEnum):
    QUEUED = "queued"
    SAVING = "saving"
    UPLOADING = "uploading"
    IMPORTING = "importing"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    KILLED = "killed"
    PENDING_DELETE = "pending_delete"
    DELETED = "deleted"


class Visibility(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    SHARED = "shared"
    COMMUNITY = "community"


class MemberStatus(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


DELETED_STATUSES = frozenset({ImageStatus.DELETED, ImageStatus.PENDING_DELETE})
"""Images in these states do not exist for the API."""

BASE_ATTRIBUTES = frozenset(
    {
        "id", "name", "status", "visibility", "protected", "os_hidden", "checksum",
        "os_hash_algo", "os_hash_value", "owner", "size", "virtual_size",
        "container_format", "disk_format", "min_disk", "min_ram", "created_at",
        "updated_at", "tags", "self", "file", "schema", "direct_url", "locations", "stores",
    }
)  # fmt: skip
"""Names that are never custom properties."""

READ_ONLY = frozenset(
    {
        "created_at", "updated_at", "status", "checksum", "size", "virtual_size",
        "direct_url", "self", "file", "schema", "id", "os_hash_algo", "os_hash_value", "stores",
    }
)  # fmt: skip
"""Set by the service alone. ``id`` may be chosen once, on creation."""

RESERVED = frozenset({"locations", "location", "deleted", "deleted_at"})
RESERVED_PREFIX = "os_glance"
"""Property names that callers may not write."""

REFUSED_LOCATION = "os_glance_refused_location"
"""The store of a location that was not taken, kept with a queued image."""

CLAIMED_HASHES = "os_glance_claimed_hashes"
"""Hashes that somebody has said the data has, as JSON: see :attr:`Image.claimed_hashes`."""

HIDDEN_PROPERTIES = frozenset(
    {"os_glance_stage_host", "os_glance_hash_op_host", REFUSED_LOCATION, CLAIMED_HASHES}
)
"""Never shown to anyone; the first two are kept for the peer's sake in a shared database."""

IMMUTABLE_ONCE_USED = frozenset({"disk_format", "container_format"})
"""May change only while the image has no data (queued or importing)."""


@dataclass(frozen=True, slots=True)
class Location:
    """One copy of the bytes: a store URL and what the store wants to remember."""

    url: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    status: str = "active"
    id: int | None = None

    @property
    def store(self) -> str | None:
        """The id of the store it lies in, as recorded (may be stale)."""
        return self.metadata.get("store")


@dataclass(frozen=True, slots=True)
class Member:
    """A project that a shared image was offered to."""

    image_id: str
    member_id: str
    status: MemberStatus
    created_at: datetime
    updated_at: datetime
    can_share: bool = False
    """A word of the Images API v1, which is kept for it. It gives no right by itself."""


@dataclass(slots=True)
class Image:
    """An image as it stands in the database. Sizes in bytes, times in UTC without zone."""

    id: str
    created_at: datetime
    updated_at: datetime
    status: ImageStatus = ImageStatus.QUEUED
    visibility: Visibility = Visibility.SHARED
    name: str | None = None
    owner: str | None = None
    protected: bool = False
    os_hidden: bool = False
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    size: int | None = None
    virtual_size: int | None = None
    container_format: str | None = None
    disk_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    tags: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    locations: tuple[Location, ...] = ()

    @property
    def claimed_hashes(self) -> Mapping[str, str]:
        """Values of ``checksum``, ``os_hash_algo`` and ``os_hash_value`` that somebody has given
        and nobody has compared. They may be shown; nothing is to be concluded from them."""
        text = self.properties.get(CLAIMED_HASHES)
        return {} if text is None or self.os_hash_value or self.checksum else json.loads(text)

    @property
    def listed_locations(self) -> tuple[Location, ...]:
        """Those that are shown, at the places by which a PATCH names them: no damaged copies."""
        return tuple(location for location in self.locations if location.status != "damaged")


def can_see(image: Image, project_id: str | None, *, is_admin: bool, is_member: bool) -> bool:
    """Whether a caller of ``project_id`` may know that the image exists.

    ``is_member``: the project has a membership of the image, whatever its status.
    """
    if is_admin or image.owner is None:
        return True
    if image.visibility in (Visibility.PUBLIC, Visibility.COMMUNITY):
        return True
    if project_id is None:
        return False
    if image.owner == project_id:
        return True
    return image.visibility is Visibility.SHARED and is_member


def can_see_member(image: Image, member_id: str, project_id: str | None, *, is_admin: bool) -> bool:
    """Whether a caller may know that the image is shared with ``member_id``: its owner may, and
    that project itself."""
    return is_admin or (project_id is not None and project_id in (image.owner, member_id))
