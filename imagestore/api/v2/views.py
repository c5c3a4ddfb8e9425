"""Images and members as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from imagestore.config.settings import Images as ImageSettings
from imagestore.identity.caller import Caller
from imagestore.model.image import (
    HIDDEN_PROPERTIES,
    REFUSED_LOCATION,
    Image,
    ImageStatus,
    Location,
    Member,
)
from imagestore.stores.stores import Stores

MaySeeLocations = Callable[[Caller, Image], bool]


def timestamp(moment: datetime) -> str:
    """UTC in whole seconds, as the Images API writes every time."""
    return moment.isoformat(timespec="seconds") + "Z"


class ImageView:
    """Shows images under one configuration."""

    def __init__(
        self, settings: ImageSettings, stores: Stores, may_see_locations: MaySeeLocations
    ) -> None:
        self._direct_url = settings.show_image_direct_url
        self._locations = settings.show_multiple_locations
        self._stores = stores
        self._may_see_locations = may_see_locations

    def show(self, image: Image, caller: Caller) -> dict[str, Any]:
        """The body of one image for one caller."""
        path = f"/v2/images/{image.id}"
        view: dict[str, Any] = {
            name: value for name, value in image.properties.items() if name not in HIDDEN_PROPERTIES
        }
        view |= {
            "name": image.name,
            "disk_format": image.disk_format,
            "container_format": image.container_format,
            "visibility": image.visibility,
            "size": image.size,
            "virtual_size": image.virtual_size,
            "status": image.status,
            "checksum": image.checksum,
            "protected": image.protected,
            "min_ram": image.min_ram,
            "min_disk": image.min_disk,
            "owner": image.owner,
            "os_hidden": image.os_hidden,
            "os_hash_algo": image.os_hash_algo,
            "os_hash_value": image.os_hash_value,
            "id": image.id,
            "created_at": timestamp(image.created_at),
            "updated_at": timestamp(image.updated_at),
            "tags": image.tags,
            "self": path,
            "file": path + "/file",
            "schema": "/v2/schemas/image",
        }
        view |= image.claimed_hashes
        # Where the data of a deactivated image lies is for administrators, like the data.
        off = image.status is ImageStatus.DEACTIVATED and not caller.is_admin
        # A damaged copy is told to nobody who might read it past the service.
        locations = () if off else image.listed_locations
        readable = tuple(each for each in locations if each.status == "active")
        if self._direct_url or self._locations:
            view |= self._where(image, locations, readable, caller)
        if self._stores.multiple and readable:
            copies = self._stores.ordered(readable)
            view["stores"] = ",".join(store.name for store, _ in copies)
        elif self._stores.multiple and image.status is ImageStatus.QUEUED:
            refused = image.properties.get(REFUSED_LOCATION)
            view |= {} if refused is None else {"stores": refused}
        return view

    def _where(
        self,
        image: Image,
        locations: Sequence[Location],
        readable: Sequence[Location],
        caller: Caller,
    ) -> dict[str, Any]:
        """Backend URLs, for those who may see them; the direct one is of ``readable``."""
        told: dict[str, Any] = {"locations": []} if self._locations else {}
        if not locations or not self._may_see_locations(caller, image):
            return told
        if self._locations:
            told["locations"] = [
                {"url": location.url, "metadata": dict(location.metadata)} for location in locations
            ]
        if self._direct_url and readable:
            copies = self._stores.ordered(readable)
            best = copies[0][1] if copies else readable[0]
            told["direct_url"] = best.url
        return told


def show_member(member: Member) -> dict[str, Any]:
    return {
        "member_id": member.member_id,
        "image_id": member.image_id,
        "status": member.status,
        "created_at": timestamp(member.created_at),
        "updated_at": timestamp(member.updated_at),
        "schema": "/v2/schemas/member",
    }
