"""Objects of a namespace."""

from __future__ import annotations

from imagestore.catalog.metadefs.items import Items, Rules
from imagestore.catalog.parts import Parts
from imagestore.database.metadefs.items import OBJECTS
from imagestore.metadef import MetadefObject


class Objects(Items[MetadefObject]):
    """The operations on objects: properties that belong together."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(
            parts,
            OBJECTS,
            Rules(
                show="get_metadef_object",
                list="get_metadef_objects",
                add="add_metadef_object",
                change="modify_metadef_object",
                remove="delete_metadef_object",
                listed="get_metadef_object",
            ),
        )
