"""What is asked: a module for each part of the API, each with a function ``scenes``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tests.conformance.entry import Scene
from tests.conformance.table import (
    actions,
    changes,
    copies,
    create,
    deletion,
    discovery,
    download,
    filters,
    formats,
    members,
    metadefs_access,
    metadefs_lists,
    metadefs_namespaces,
    metadefs_objects,
    metadefs_schemas,
    metadefs_tags,
    paging,
    protocol,
    rbac,
    rbac_equipped,
    rbac_metadefs,
    tags,
    upload,
    versions,
    visibility,
)

GROUPS: Final[Mapping[str, Callable[[], Iterable[Scene]]]] = {
    "versions": versions.scenes,
    "create": create.scenes,
    "filters": filters.scenes,
    "paging": paging.scenes,
    "changes": changes.scenes,
    "deletion": deletion.scenes,
    "tags": tags.scenes,
    "members": members.scenes,
    "visibility": visibility.scenes,
    "actions": actions.scenes,
    "upload": upload.scenes,
    "formats": formats.scenes,
    "download": download.scenes,
    "discovery": discovery.scenes,
    "copies": copies.scenes,
    "protocol": protocol.scenes,
    "metadefs-namespaces": metadefs_namespaces.scenes,
    "metadefs-lists": metadefs_lists.scenes,
    "metadefs-objects": metadefs_objects.scenes,
    "metadefs-tags": metadefs_tags.scenes,
    "metadefs-access": metadefs_access.scenes,
    "metadefs-schemas": metadefs_schemas.scenes,
    "rbac": rbac.scenes,
    "rbac-metadefs": rbac_metadefs.scenes,
    "rbac-equipped": rbac_equipped.scenes,
}

EQUIPPED: Final = frozenset({"rbac-equipped"})
"""Parts that are asked of a server with a cache and a store for http."""


def scenes(group: str) -> list[Scene]:
    """The scenes of one part of the API, their cases named ``group/case``."""
    return list(GROUPS[group]())


def names() -> list[str]:
    """The names of all cases, in order."""
    return [case.name for group in GROUPS for scene in scenes(group) for case in scene.cases]
