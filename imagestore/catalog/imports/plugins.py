"""What the operator has done with every import on its way (``image_import_plugins``)."""

from __future__ import annotations

from sqlalchemy import Connection

from imagestore.catalog.imports.sources import Source
from imagestore.config.settings import Imports
from imagestore.database import properties
from imagestore.image import Image
from imagestore.import_request import Order
from imagestore.transfer.decompression import decompressed

INJECT = "inject_image_metadata"
DECOMPRESS = "image_decompression"


class Plugins:
    """The steps that are switched on, for imports of any method but ``copy-image``."""

    def __init__(self, settings: Imports) -> None:
        self._settings = settings
        self._names = frozenset(settings.image_import_plugins)

    def transform(self, image: Image, source: Source) -> Source:
        """What is to be stored in place of what came."""
        if DECOMPRESS not in self._names or image.container_format == "compressed":
            return source
        return Source(None, decompressed(source.blocks))

    def amend(self, conn: Connection, image: Image, order: Order) -> None:
        """Set the operator's properties, unless the caller has a role that is spared."""
        if INJECT not in self._names or not self._settings.inject:
            return
        spared = {role.lower() for role in self._settings.ignore_user_roles}
        if spared.isdisjoint(order.roles):
            properties.replace(conn, image.id, image.properties, self._after(image))

    def _after(self, image: Image) -> dict[str, str]:
        return {**image.properties, **self._settings.inject}
