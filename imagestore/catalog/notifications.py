"""What other services are notified of, as Glance names and shapes it.

After the operation, and never as a part of it. Nothing that could hold credentials is told: no
locations, no input of tasks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from imagestore.identity.caller import Caller
from imagestore.model.clock import now
from imagestore.model.errors import ImagestoreError
from imagestore.model.image import Image, Member
from imagestore.model.metadef import Namespace
from imagestore.observing.notifier import Notifier

_ATTRIBUTES = (
    "id", "name", "status", "min_disk", "min_ram", "protected", "checksum", "owner",
    "disk_format", "container_format", "size", "virtual_size",
)  # fmt: skip
_IMPORTS = ("os_glance_importing_to_stores", "os_glance_failed_import")
_NAMESPACE = ("namespace", "display_name", "protected", "visibility", "owner", "description")
_KEPT: dict[str, Any] = {"deleted": False, "deleted_at": None}


class Notifications:
    """One method for each kind of thing."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def image(self, event_type: str, image: Image, **more: Any) -> None:
        """``more`` takes the place of what the image says."""
        if self._notifier.wants(event_type):
            self._notifier.tell(event_type, _image(image) | more)

    def preparing(self, image: Image, store: str) -> None:
        """Bytes are about to go into ``store``."""
        self.image("image.prepare", image, **_imports(image), backend=store)

    @property
    def heard(self) -> bool:
        """Whether anything that is told of the data of images is sent."""
        names = ("update", "prepare", "upload", "activate")
        return any(self._notifier.wants(f"image.{name}") for name in names)

    def uploaded(self, image: Image, stores: int = 1) -> None:
        """The bytes are durable in so many stores, and the image is active."""
        for _ in range(stores):
            self.image("image.upload", image, **_imports(image))
        self.image("image.activate", image)
        self.image("image.update", image)

    def copied(self, image: Image) -> None:
        """The bytes of the active image are durable in one more store."""
        self.image("image.upload", image, **_imports(image))
        self.image("image.update", image)

    def not_uploaded(self, image_id: str, store: str, error: BaseException) -> None:
        reason = error.message if isinstance(error, ImagestoreError) else type(error).__name__
        message = f"Image {image_id} was not stored in {store}: {reason}"
        self._notifier.tell("image.upload", message, priority="error")

    def deleted(self, image: Image, status: str) -> None:
        """``status``: ``deleted``, or ``pending_delete`` if its bytes are kept for a while."""
        self.image("image.delete", image, **_gone(), status=status)

    def damaged(self, image: Image, store: str, reason: str) -> None:
        """The bytes of a copy are not those of the image. Glance has no such notification."""
        if self._notifier.wants("image.damaged"):
            payload = _image(image) | {"backend": store, "reason": reason}
            self._notifier.tell("image.damaged", payload, priority="error")

    def repaired(self, image: Image, store: str) -> None:
        """A copy that was damaged is whole again."""
        self.image("image.repaired", image, backend=store)

    def sent(self, caller: Caller, image: Image, count: int, *, whole: bool) -> None:
        """So many bytes went out; ``whole``: all that were asked for."""
        payload = {
            "bytes_sent": count,
            "image_id": image.id,
            "owner_id": image.owner,
            "receiver_tenant_id": caller.project_id,
            "receiver_user_id": caller.user_id,
        }
        self._notifier.tell("image.send", payload, priority="info" if whole else "error")

    def member(self, what: str, member: Member) -> None:
        """``what``: create, update or delete."""
        payload = {
            "image_id": member.image_id,
            "member_id": member.member_id,
            "status": member.status.value,
            "created_at": _time(member.created_at),
            "updated_at": _time(member.updated_at),
        }
        more = _gone() if what == "delete" else _KEPT
        self._notifier.tell(f"image.member.{what}", payload | more)

    def namespace(self, what: str, namespace: Namespace, former: str | None = None) -> None:
        """``what``: create, update, delete, delete_tags …; ``former``: its name before."""
        payload: dict[str, Any] = {name: getattr(namespace, name) for name in _NAMESPACE}
        payload |= {
            "namespace_old": former or namespace.namespace,
            "visibility": str(namespace.visibility),
            "created_at": _time(namespace.created_at),
            "updated_at": _time(namespace.updated_at),
        }
        more = _gone() if what == "delete" else _KEPT
        self._notifier.tell(f"metadef_namespace.{what}", payload | more)


def _image(image: Image) -> dict[str, Any]:
    return {
        **{name: getattr(image, name) for name in _ATTRIBUTES},
        "status": image.status.value,
        "created_at": _time(image.created_at),
        "updated_at": _time(image.updated_at),
        "visibility": image.visibility.value,
        "is_public": image.visibility.value == "public",
        "properties": dict(image.properties),
        "tags": list(image.tags),
        **_KEPT,
    }


def _imports(image: Image) -> dict[str, list[str]]:
    """The stores of an import, which Glance keeps in properties of the image."""
    return {name: [one for one in image.properties.get(name, "").split(",") if one]
            for name in _IMPORTS}  # fmt: skip


def _gone() -> dict[str, Any]:
    return {"deleted": True, "deleted_at": _time(now())}


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds") + "Z"
