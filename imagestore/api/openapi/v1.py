"""``/v1``: images with their metadata in headers, members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagestore.api.openapi.operation import Body, Operation, Parameter, Schema, closed, json

_IMAGE = "/v1/images/{image_id}"
_MEMBERS = _IMAGE + "/members"
_TEXT: Schema = {"type": "string"}
_NULLABLE: Schema = {"type": ["string", "null"]}
_INTEGER: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"enum": ["True", "False"]}
_BOOLEAN: Schema = {"type": "boolean"}

_BRIEF: dict[str, Schema] = {
    "id": _TEXT,
    "name": _NULLABLE,
    "size": _INTEGER,
    "disk_format": _NULLABLE,
    "container_format": _NULLABLE,
    "checksum": _NULLABLE,
}
_SHOWN = closed(
    **_BRIEF,
    **dict.fromkeys(("status", "created_at", "updated_at"), _TEXT),
    **dict.fromkeys(("min_disk", "min_ram"), _INTEGER),
    **dict.fromkeys(("owner", "deleted_at"), _NULLABLE),
    **dict.fromkeys(("is_public", "protected", "deleted"), _BOOLEAN),
    properties={"type": "object", "additionalProperties": _TEXT},
)
_ONE = json(closed(image=_SHOWN))
_DATA = Body({"type": "string", "format": "binary"}, ("application/octet-stream",), required=False)

_FILTERS = (
    Parameter("limit", "Most images on the page.", _INTEGER),
    Parameter("marker", "The last image of the page before."),
    Parameter("sort_key", "One key."),
    Parameter("sort_dir", "asc or desc.", {"enum": ["asc", "desc"]}),
    Parameter("name", "Of the image."),
    Parameter("status", "saving is all data that is on its way."),
    Parameter("container_format", "Of the image."),
    Parameter("disk_format", "Of the image."),
    Parameter("min_ram", "MB.", _INTEGER),
    Parameter("min_disk", "GB.", _INTEGER),
    Parameter("size_min", "Bytes.", _INTEGER),
    Parameter("size_max", "Bytes.", _INTEGER),
    Parameter("is_public", "None: of all visibilities.", {"enum": ["True", "False", "None"]}),
    Parameter("protected", "Protected ones, or the others.", _FLAG),
    Parameter("changes-since", "A time in ISO 8601; what is gone since is told as well."),
    Parameter("deleted", "Only those that are gone; for administrators.", _FLAG),
    Parameter("property-NAME", "A property of that name with this value."),
)
_METADATA = (
    Parameter("x-image-meta-name", "Name for people."),
    Parameter("x-image-meta-disk_format", "Format of the disk."),
    Parameter("x-image-meta-container_format", "What the disk is wrapped in."),
    Parameter("x-image-meta-size", "Bytes of data that there have to be.", _INTEGER),
    Parameter("x-image-meta-checksum", "MD5 that the data has to have."),
    Parameter("x-image-meta-is_public", "Whether everyone sees it.", _FLAG),
    Parameter("x-image-meta-protected", "Whether it cannot be deleted.", _FLAG),
    Parameter("x-image-meta-min_ram", "MB.", _INTEGER),
    Parameter("x-image-meta-min_disk", "GB.", _INTEGER),
    Parameter("x-image-meta-owner", "Project; of administrators only."),
    Parameter("x-image-meta-store", "The store that the data goes to."),
    Parameter("x-image-meta-location", "A URL where the data is, and stays."),
    Parameter("x-glance-api-copy-from", "A URL that the data is copied from."),
    Parameter("x-image-meta-property-NAME", "A property of that name."),
)
_ANSWERED = ("ETag",)
_MEMBER = closed(member_id=_TEXT, can_share=_BOOLEAN)
_SHARED = closed(image_id=_TEXT, can_share=_BOOLEAN)
_CAN_SHARE: Schema = {"type": "object", "properties": {"can_share": _BOOLEAN}}

OPERATIONS: Final[Mapping[str, Operation]] = {
    **{
        f"GET {path}": Operation(
            "v1", "List images in short",
            {200: json(closed(images={"type": "array", "items": closed(**_BRIEF)}))},
            query=_FILTERS,
        )
        for path in ("/v1/", "/v1/images")
    },
    "GET /v1/images/detail": Operation(
        "v1", "List images",
        {200: json(closed(images={"type": "array", "items": _SHOWN}))},
        query=_FILTERS,
    ),
    "POST /v1/images": Operation(
        "v1", "Register an image, with or without data", {201: _ONE},
        errors=(404, 409, 410, 415), body=_DATA, answer_headers=("Location", *_ANSWERED),
        headers=(*_METADATA, Parameter("x-image-meta-id", "A UUID.")),
    ),
    f"GET {_IMAGE}": Operation(
        "v1", "Download the data, with the metadata in headers",
        {200: Body({"type": "string", "format": "binary"}, ("application/octet-stream",))},
        errors=(410,), answer_headers=_ANSWERED,
    ),
    f"PUT {_IMAGE}": Operation(
        "v1", "Change an image, or send its data", {200: _ONE},
        errors=(409, 410, 415), body=_DATA, answer_headers=_ANSWERED,
        headers=(
            *_METADATA,
            Parameter(
                "x-glance-registry-purge-props", "Whether other properties are removed.", _FLAG
            ),
        ),
    ),
    f"DELETE {_IMAGE}": Operation("v1", "Delete an image", {200: None}, errors=(409,)),
    f"GET {_MEMBERS}": Operation(
        "v1", "List the members", {200: json(closed(members={"type": "array", "items": _MEMBER}))}
    ),
    f"PUT {_MEMBERS}": Operation(
        "v1", "Share the image with these projects and no others", {204: None},
        body=json(
            closed(memberships={"type": "array", "items": {**_MEMBER, "required": ["member_id"]}})
        ),
    ),
    f"PUT {_MEMBERS}/{{member_id}}": Operation(
        "v1", "Share the image with a project", {204: None},
        body=Body(closed(member=_CAN_SHARE), required=False),
    ),
    f"DELETE {_MEMBERS}/{{member_id}}": Operation(
        "v1", "Share it no longer with a project", {204: None}
    ),
    "GET /v1/shared-images/{member_id}": Operation(
        "v1", "List the images that are shared with a project",
        {200: json(closed(shared_images={"type": "array", "items": _SHARED}))},
    ),
}  # fmt: skip
