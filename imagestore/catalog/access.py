"""Which image is meant, and may this caller do that to it?

What a caller may not see does not exist for him: every refusal on an image that
he cannot see is :class:`NotFound`, on one that he can see :class:`Forbidden`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from imagestore.database import images
from imagestore.database.images import ImageRow
from imagestore.identity.caller import Caller
from imagestore.identity.policy import Policy, image_target
from imagestore.model.errors import Forbidden, NotFound
from imagestore.model.image import Image, Visibility, can_see

_OWNERS = frozenset(
    {
        "modify_image", "delete_image", "upload_image", "deactivate", "reactivate",
        "set_image_location", "delete_image_location", "add_member", "delete_member",
    }
)  # fmt: skip
"""What no policy lets anybody do to an image of another project, administrators apart.

As with Glance, whose database refuses it: policy files from before 2021 say of these that
everybody may, and mean every owner.
"""


def not_found(image_id: str) -> NotFound:
    return NotFound(f"No image found with ID {image_id}")


def require_writer(caller: Caller) -> None:
    """Raise unless the caller may change anything at all."""
    if caller.read_only:
        raise Forbidden("This caller may only read.")


class Access:
    """Finds images as one caller sees them, and asks the policy.

    What a caller sees is decided first by ownership, visibility and membership; the
    policy rule ``get_image`` then tells a refusal from an image that is not there.
    An operation that is allowed does not need it.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def find(
        self, conn: Connection, caller: Caller, image_id: str, *rules: str, locked: bool = False
    ) -> ImageRow:
        """The image with its membership of the caller's project; else :class:`NotFound`.

        ``rules``: what else the policy has to allow on it, as :meth:`require` asks.
        ``locked`` as in :func:`imagestore.database.images.get`.
        """
        row = images.get(conn, image_id, project_id=caller.project_id, locked=locked)
        if row is None or not can_see(
            row.image,
            caller.project_id,
            is_admin=caller.is_admin,
            is_member=row.membership is not None,
        ):
            raise not_found(image_id)
        for rule in rules:
            self.require(rule, caller, row)
        return row

    def require(self, rule: str, caller: Caller, row: ImageRow) -> None:
        """Raise unless the policy allows ``rule`` on the image."""
        target = _target(caller, row)
        owned = row.image.owner is not None and row.image.owner == caller.project_id
        barred = rule in _OWNERS and not owned and not caller.is_admin
        if not barred and self.policy.allows(rule, caller, target):
            return
        if rule == "get_image" or not self.policy.allows("get_image", caller, target):
            raise not_found(row.image.id)
        raise Forbidden(f"The policy does not allow {rule} on image {row.image.id}.")

    def permits(self, rule: str, caller: Caller, row: ImageRow) -> bool:
        """Whether the policy allows ``rule`` on the image."""
        return self.policy.allows(rule, caller, _target(caller, row))

    def listed(self, caller: Caller, found: Sequence[Image]) -> list[Image]:
        """Of the images that a list has found, those that the policy lets the caller see.

        By the built-in rules that is every one, and nobody is asked.
        """
        if self.policy.is_built_in("get_images", "get_image"):
            return list(found)
        return [
            image
            for image in found
            if self.policy.allows("get_image", caller, _target_in_list(caller, image))
        ]

    def allows(self, rule: str, caller: Caller, image: Image) -> bool:
        return self.policy.allows(rule, caller, image_target(image))


def _target_in_list(caller: Caller, image: Image) -> dict[str, Any]:
    # A shared image of others is in a list because the caller is a member.
    foreign = image.visibility is Visibility.SHARED and image.owner != caller.project_id
    return image_target(image, caller.project_id if foreign else None)


def _target(caller: Caller, row: ImageRow) -> dict[str, Any]:
    return image_target(row.image, caller.project_id if row.membership is not None else None)
