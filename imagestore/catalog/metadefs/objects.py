"""Objects of a namespace."""

from __future__ import annotations

from imagestore.catalog.dependencies import Dependencies
from imagestore.catalog.metadefs.items import ItemRules, Items
from imagestore.database.metadefs.items import OBJECTS
from imagestore.model.metadef import MetadefObject


class Objects(Items[MetadefObject]):
    """The operations on objects: properties that belong together."""

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(
            deps,
            OBJECTS,
            ItemRules(
                show="get_metadef_object",
                list="get_metadef_objects",
                add="add_metadef_object",
                change="modify_metadef_object",
                remove="delete_metadef_object",
                listed="get_metadef_object",
            ),
        )
