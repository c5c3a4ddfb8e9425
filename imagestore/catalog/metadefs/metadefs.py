"""The operations on metadata definitions by resource."""

from __future__ import annotations

from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.namespaces import Namespaces
from imagestore.catalog.metadefs.objects import Objects
from imagestore.catalog.metadefs.properties import Properties
from imagestore.catalog.metadefs.resource_types import ResourceTypes
from imagestore.catalog.metadefs.tags import MetadefTags


class Metadefs:
    """Namespaces and what is in them, over one set of parts."""

    def __init__(self, deps: Dependencies) -> None:
        self.namespaces = Namespaces(deps)
        self.objects = Objects(deps)
        self.properties = Properties(deps)
        self.tags = MetadefTags(deps)
        self.resource_types = ResourceTypes(deps)
