"""What the operator has done with every import on its way (``image_import_plugins``)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from sqlalchemy import Connection

from imagestore.catalog.imports.sources import ImportSource
from imagestore.config.settings import Settings
from imagestore.database import properties
from imagestore.model.image import Image
from imagestore.model.import_request import Order
from imagestore.transfer.conversion import Conversion
from imagestore.transfer.decompression import decompressed
from imagestore.transfer.qemu_img import QemuImg
from imagestore.transfer.workspace import Workspace

INJECT = "inject_image_metadata"
DECOMPRESS = "image_decompression"
CONVERT = "image_conversion"


class Plugins:
    """The steps that are switched on, for imports of any method but ``copy-image``."""

    def __init__(self, settings: Settings) -> None:
        imports = settings.imports
        self._settings = imports
        self._names = frozenset(imports.image_import_plugins)
        self._conversion = Conversion(
            imports.output_format,
            QemuImg(timeout=imports.conversion_timeout, memory=imports.conversion_memory),
            Workspace(imports.work_dir or settings.data_dir / "conversion", imports.conversions),
            settings.images,
        )

    @contextlib.asynccontextmanager
    async def applied(
        self, source: ImportSource, *, most: int, on_progress: Callable[[int], object]
    ) -> AsyncIterator[ImportSource]:
        """What is to be stored in place of what came; ``most`` bytes of it."""
        image = source.image
        if DECOMPRESS in self._names and image.container_format != "compressed":
            source = ImportSource(None, decompressed(source.blocks), image)
        if CONVERT not in self._names:
            yield source
            return
        disk_format = image.disk_format or "raw"
        if not self._conversion.is_needed(disk_format):
            # As it is, but of no other format than it says: whoever relies on the plug-in does.
            blocks = self._conversion.inspected(source.blocks, disk_format)
            yield replace(source, blocks=blocks)
            return
        async with self._conversion.converted(
            source.blocks, disk_format, most=most, on_progress=on_progress
        ) as (size, made):
            described = replace(image, disk_format=self._conversion.target, container_format="bare")
            yield ImportSource(size, made, described)

    def amend(self, conn: Connection, image: Image, order: Order) -> None:
        """Set the operator's properties, unless the caller has a role that is spared."""
        if INJECT not in self._names or not self._settings.inject:
            return
        spared = {role.lower() for role in self._settings.ignore_user_roles}
        if spared.isdisjoint(order.roles):
            properties.replace(conn, image.id, image.properties, self._after(image))

    def _after(self, image: Image) -> dict[str, str]:
        return {**image.properties, **self._settings.inject}
