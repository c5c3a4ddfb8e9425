"""Metadata definitions: namespaces, and the objects, properties, tags and resource types in them.

They describe the properties that images, flavors, volumes and the like may have,
for people and for programs that help people. Nothing in the service follows them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

Definition = dict[str, Any]
"""What one property may be: a few keywords of JSON schema, ``title`` and ``type`` at least."""

PUBLIC, PRIVATE = "public", "private"
VISIBILITIES = (PUBLIC, PRIVATE)

MAX_NAME = 80
"""Characters of a name, a display name, a prefix or a target, as the tables hold them."""

NAMESPACE_SORT_KEYS = frozenset(
    {
        "id", "namespace", "display_name", "description", "visibility", "protected", "owner",
        "created_at", "updated_at",
    }
)  # fmt: skip
TAG_SORT_KEYS = frozenset({"id", "name", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Namespace:
    """The frame that definitions stand in. ``id`` is that of the row, 0 before there is one."""

    namespace: str
    owner: str
    created_at: datetime
    updated_at: datetime
    display_name: str | None = None
    description: str | None = None
    visibility: str = PRIVATE
    protected: bool = False
    id: int = 0

    def is_visible_to(self, project_id: str | None, *, is_admin: bool) -> bool:
        return is_admin or self.visibility == PUBLIC or self.owner == project_id


@dataclass(frozen=True, slots=True)
class NamespaceDraft:
    """A namespace as it is asked for; ``owner`` None: the caller's project."""

    namespace: str
    owner: str | None = None
    display_name: str | None = None
    description: str | None = None
    visibility: str = PRIVATE
    protected: bool = False

    def made(self, owner: str, moment: datetime) -> Namespace:
        """The namespace as it is when it is made at that moment."""
        attributes = asdict(self) | {"owner": owner}
        return Namespace(**attributes, created_at=moment, updated_at=moment)


@dataclass(frozen=True, slots=True)
class Association:
    """A resource type that a namespace is for.

    ``prefix`` stands before each property name where it is set on that type.
    ``properties_target``: which of several sets of properties of the type is meant.
    """

    name: str
    prefix: str | None = None
    properties_target: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResourceType:
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MetadefObject:
    """Properties that belong together; ``required`` names those that must be there.

    Both are None where nothing was said of them, which comes to the same as empty.
    """

    name: str
    description: str | None = None
    required: tuple[str, ...] | None = None
    properties: dict[str, Definition] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MetadefProperty:
    name: str
    definition: Definition
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MetadefTag:
    name: str
    created_at: datetime | None = None
    updated_at: datetime | None = None


Item = MetadefObject | MetadefProperty | MetadefTag
"""What has a name of its own within a namespace."""


@dataclass(frozen=True, slots=True)
class Contents:
    associations: tuple[Association, ...] = ()
    objects: tuple[MetadefObject, ...] = ()
    properties: tuple[MetadefProperty, ...] = ()
    tags: tuple[MetadefTag, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list, and its order; ties are broken by created_at and id.

    ``limit`` None: all. ``marker``: the name of the last entry of the page before.
    Nulls count as smallest.
    """

    limit: int | None = None
    marker: str | None = None
    sort_key: str = "created_at"
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class NamespaceFilter:
    """``resource_types``: tied to any of these; None: whatever they are tied to."""

    visibility: str | None = None
    resource_types: tuple[str, ...] | None = None
