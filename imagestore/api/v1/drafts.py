"""What the headers of a request make of an image: a draft of a new one, or changes to one.

Names, types and values are checked by the schema of v2, so that nothing is recorded by one
version that the other would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imagestore.api.v1.metadata import Metadata
from imagestore.api.v1.views import shown_properties, status
from imagestore.api.v2.schemas import ImageSchema, is_reserved
from imagestore.identity.caller import Caller
from imagestore.model.changes import Change, ImageDraft
from imagestore.model.digest import CHECKSUM, known
from imagestore.model.errors import Forbidden, Invalid
from imagestore.model.image import BASE_ATTRIBUTES, Image, ImageStatus, Visibility

_ATTRIBUTES = ("name", "disk_format", "container_format", "min_disk", "min_ram", "protected")
"""Fields that v2 has as well."""
_AMAZON = frozenset({"aki", "ari", "ami"})
_HAVE_DATA = frozenset({ImageStatus.ACTIVE, ImageStatus.DEACTIVATED})


def draft(metadata: Metadata, schema: ImageSchema, caller: Caller) -> ImageDraft:
    """The image to be. Raises :class:`Invalid`, and :class:`Forbidden` for reserved names."""
    fields = metadata.fields
    body = _attributes(fields, caller)
    if fields.get("id") is not None:
        body["id"] = fields["id"]
    if fields.get("size") == 0:
        # That is all of its data: so it has to be something.
        body = {"disk_format": "raw", "container_format": "bare"} | body
    body["visibility"] = _visibility(public=fields.get("is_public", False))
    for name in metadata.properties:
        _refuse_reserved(name)
    given = {name: value for name, value in metadata.properties.items() if value}
    return schema.validate_create(body | given)


def changes(
    metadata: Metadata, image: Image, schema: ImageSchema, caller: Caller, *, purge: bool
) -> tuple[Change, ...]:
    """What is different from the image as it is; ``purge``: properties that are not named go.

    A client may send back all that it was shown: what is the same is no change. Raises as
    :func:`draft`.
    """
    fields = metadata.fields
    _refuse_fixed(fields, image)
    wanted = _attributes(fields, caller)
    public = fields.get("is_public")
    if public is not None and public is not (image.visibility is Visibility.PUBLIC):
        wanted["visibility"] = _visibility(public=public)
    found = [
        Change("replace", name, value)
        for name, value in wanted.items()
        if getattr(image, name) != value
    ]
    found += _property_changes(metadata.properties, image, purge=purge)
    return schema.validate_changes(found)


def _attributes(fields: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Attributes by their names in v2. Of others than administrators no owner is heard."""
    found = {name: fields[name] for name in _ATTRIBUTES if name in fields}
    for name in ("disk_format", "container_format"):
        if name in found and found[name] is None:
            raise Invalid(f"{name} must not be empty.")
    disk, container = found.get("disk_format"), found.get("container_format")
    if {disk, container} & _AMAZON:
        if None not in (disk, container) and disk != container:
            raise Invalid("Of aki, ari and ami, disk_format and container_format are the same.")
        found["disk_format"] = found["container_format"] = disk or container
    if caller.is_admin and "owner" in fields:
        found["owner"] = fields["owner"]
    return found


def _visibility(*, public: bool) -> str:
    return (Visibility.PUBLIC if public else Visibility.SHARED).value


def _refuse_fixed(fields: Mapping[str, Any], image: Image) -> None:
    """What is said of an image that has its data, and is not so, nobody may say."""
    if fields.get("id", image.id) != image.id:
        raise Forbidden("The id of an image cannot be changed.")
    if fields.get("status", status(image)) != status(image):
        raise Forbidden("The status of an image cannot be changed.")
    if image.status not in _HAVE_DATA:
        return
    if fields.get("size", image.size) != image.size:
        raise Forbidden(f"The size of an {image.status} image cannot be changed.")
    said = known((CHECKSUM, fields.get("checksum", image.checksum)))
    if said != known((CHECKSUM, image.checksum)):
        raise Forbidden(f"The checksum of an {image.status} image cannot be changed.")


def _property_changes(given: Mapping[str, str], image: Image, *, purge: bool) -> Iterator[Change]:
    present = shown_properties(image)
    named = {_header_name(name) for name in given}
    for name, value in given.items():
        known = _known(name, present)
        if known is not None and present[known] == value:
            continue
        _refuse_reserved(name)
        if value:
            yield Change("replace" if known else "add", known or name, value)
        elif known is not None:
            yield Change("remove", known)
    if purge:
        for name in present:
            if _header_name(name) not in named:
                yield Change("remove", name)


def _header_name(name: str) -> str:
    """As the name of a property looks when it has been the name of a header."""
    return name.lower().replace("-", "_")


def _known(name: str, present: Mapping[str, str]) -> str | None:
    """The property that is meant: one that v2 has made may have other letters than v1 can say."""
    if name in present:
        return name
    return next((known for known in sorted(present) if _header_name(known) == name), None)


def _refuse_reserved(name: str) -> None:
    if name in BASE_ATTRIBUTES or is_reserved(name):
        raise Forbidden(f"{name} cannot be the name of a property.")
