"""The tables: those of Glance 33 by name, type and constraint, and our own with a prefix.

Either service opens the database that the other made. Tables and indexes of our
own are called ``imagestore_…``; Glance knows nothing of them and leaves them be.
"""

from __future__ import annotations

from imagestore.database.schema.copies import (
    orphan_searches,
    orphans,
    replicas,
    site_images,
    sites,
)
from imagestore.database.schema.events import damages, events, patrol
from imagestore.database.schema.images import (
    image_locations,
    image_members,
    image_properties,
    image_tags,
    images,
)
from imagestore.database.schema.jobs import job_gates, jobs, tombstones
from imagestore.database.schema.metadata import (
    PEER_EXPANDED,
    PEER_REVISION,
    metadata,
    peer_version,
)
from imagestore.database.schema.metadefs import (
    metadef_namespace_resource_types,
    metadef_namespaces,
    metadef_objects,
    metadef_properties,
    metadef_resource_types,
    metadef_tags,
)
from imagestore.database.schema.own import (
    BESIDE_VISIBILITY,
    OF_OWNER,
    OF_VISIBILITY,
    ORDERS,
    VERSION_TABLE,
    indexes_for,
    journal,
    quota_gates,
    reservations,
)
from imagestore.database.schema.peer import cached_images, node_reference, task_info, tasks

__all__ = [
    "BESIDE_VISIBILITY",
    "OF_OWNER",
    "OF_VISIBILITY",
    "ORDERS",
    "PEER_EXPANDED",
    "PEER_REVISION",
    "VERSION_TABLE",
    "cached_images",
    "damages",
    "events",
    "image_locations",
    "image_members",
    "image_properties",
    "image_tags",
    "images",
    "indexes_for",
    "job_gates",
    "jobs",
    "journal",
    "metadata",
    "metadef_namespace_resource_types",
    "metadef_namespaces",
    "metadef_objects",
    "metadef_properties",
    "metadef_resource_types",
    "metadef_tags",
    "node_reference",
    "orphan_searches",
    "orphans",
    "patrol",
    "peer_version",
    "quota_gates",
    "replicas",
    "reservations",
    "site_images",
    "sites",
    "task_info",
    "tasks",
    "tombstones",
]
