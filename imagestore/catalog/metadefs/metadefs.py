"""The operations on metadata definitions by resource."""

from __future__ import annotations

from imagestore.catalog.metadefs.namespaces import Namespaces
from imagestore.catalog.metadefs.objects import Objects
from imagestore.catalog.metadefs.properties import Properties
from imagestore.catalog.metadefs.resource_types import ResourceTypes
from imagestore.catalog.metadefs.tags import MetadefTags
from imagestore.catalog.parts import Parts


class Metadefs:
    """Namespaces and what is in them, over one set of parts."""

    def __init__(self, parts: Parts) -> None:
        self.namespaces = Namespaces(parts)
        self.objects = Objects(parts)
        self.properties = Properties(parts)
        self.tags = MetadefTags(parts)
        self.resource_types = ResourceTypes(parts)
