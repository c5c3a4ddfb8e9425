"""``/v2/images`` and what is below, and ``/v2/stores``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagestore.api.openapi.operation import Body, Operation, Parameter, Schema, closed, json

_IMAGE = "/v2/images/{image_id}"
_MEMBERS = _IMAGE + "/members"
_DATA = Body({"type": "string", "format": "binary"}, ("application/octet-stream",))
_PATCH = Body(
    "ImagePatch",
    (
        "application/openstack-images-v2.1-json-patch",
        "application/openstack-images-v2.0-json-patch",
    ),
)
_DIRECTION: Schema = {"type": "string", "enum": ["asc", "desc"]}
_VISIBILITY: Schema = {
    "type": "string",
    "enum": ["public", "private", "shared", "community", "all"],
}
_MEMBER_STATUS: Schema = {"type": "string", "enum": ["accepted", "pending", "rejected", "all"]}
_INTEGER: Schema = {"type": "integer", "minimum": 0}

_FILTERS: Final = (
    Parameter("limit", "Most images on the page.", _INTEGER),
    Parameter("marker", "The last image of the page before."),
    Parameter("sort", "Keys with directions, such as name:asc,created_at:desc."),
    Parameter("sort_key", "May be repeated.", {"type": "array", "items": {"type": "string"}}),
    Parameter("sort_dir", "One, or one for each key.", {"type": "array", "items": _DIRECTION}),
    *(
        Parameter(name, "Or in:a,b")
        for name in ("name", "id", "status", "container_format", "disk_format")
    ),
    Parameter("owner", "Project that the image belongs to."),
    Parameter("checksum", "MD5 of the data."),
    Parameter("os_hash_algo", "Name of a digest."),
    Parameter("os_hash_value", "Digest of the data."),
    Parameter("visibility", "Default: what a list shows.", _VISIBILITY),
    Parameter("member_status", "Of shared images.", _MEMBER_STATUS),
    Parameter("os_hidden", "Hidden ones instead of the others.", {"enum": ["true", "false"]}),
    Parameter("protected", "Protected ones.", {"enum": ["true", "false"]}),
    Parameter("tag", "All of them.", {"type": "array", "items": {"type": "string"}}),
    Parameter("size_min", "Bytes.", _INTEGER),
    Parameter("size_max", "Bytes.", _INTEGER),
    Parameter("created_at", "A time in ISO 8601, or gt:, gte:, lt:, lte:, neq: and one."),
    Parameter("updated_at", "As created_at."),
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    "GET /v2/images": Operation(
        "images", "List images", {200: json("Images")}, query=_FILTERS
    ),
    "POST /v2/images": Operation(
        "images", "Register an image", {201: json("Image")},
        errors=(409,), body=json("ImageDraft"),
        answer_headers=(
            "Location", "OpenStack-image-import-methods", "OpenStack-image-store-ids",
        ),
        links={
            name: {"operationId": operation, "parameters": {"image_id": "$response.body#/id"}}
            for name, operation in (
                ("show", "get_v2_images_image_id"),
                ("change", "patch_v2_images_image_id"),
                ("upload", "put_v2_images_image_id_file"),
                ("delete", "delete_v2_images_image_id"),
            )
        },
    ),
    f"GET {_IMAGE}": Operation("images", "Show an image", {200: json("Image")}),
    f"PATCH {_IMAGE}": Operation(
        "images", "Change an image", {200: json("Image")}, errors=(409, 415), body=_PATCH
    ),
    f"DELETE {_IMAGE}": Operation("images", "Delete an image", {204: None}, errors=(409,)),
    f"PUT {_IMAGE}/file": Operation(
        "data", "Upload the data", {204: None},
        errors=(408, 409, 410, 413, 415), body=_DATA,
        headers=(
            Parameter("X-Image-Meta-Store", "The store that it goes to."),
            Parameter("x-openstack-image-size", "How many bytes will come.", _INTEGER),
        ),
    ),
    f"GET {_IMAGE}/file": Operation(
        "data", "Download the data", {200: _DATA, 204: None, 206: _DATA, 304: None},
        errors=(412, 416),
        query=(Parameter("prefer", "Stores to read from, separated by commas."),),
        headers=(
            Parameter("Range", "One range of bytes."),
            Parameter("If-Range", "The entity tag of which the client has a part."),
            Parameter("If-Match", "Entity tags, or *."),
            Parameter("If-None-Match", "Entity tags, or *."),
        ),
        answer_headers=("Accept-Ranges", "Content-MD5", "Content-Range", "ETag"),
    ),
    f"POST {_IMAGE}/actions/deactivate": Operation(
        "images", "Keep the data from everyone but administrators", {204: None}, errors=(409,)
    ),
    f"POST {_IMAGE}/actions/reactivate": Operation(
        "images", "Let the data be read again", {204: None}, errors=(409,)
    ),
    f"PUT {_IMAGE}/tags/{{tag}}": Operation("tags", "Add a tag", {204: None}, errors=(413, 409)),
    f"DELETE {_IMAGE}/tags/{{tag}}": Operation("tags", "Remove a tag", {204: None}, errors=(409,)),
    "DELETE /v2/stores/{store_id}/{image_id}": Operation(
        "data", "Remove the copy in one store", {204: None}, errors=(409,)
    ),
    f"GET {_MEMBERS}": Operation("members", "List the members", {200: json("Members")}),
    f"POST {_MEMBERS}": Operation(
        "members", "Share the image with a project", {200: json("Member")},
        errors=(409,),
        body=json(closed(member={"type": "string", "minLength": 1, "maxLength": 255})),
    ),
    f"GET {_MEMBERS}/{{member_id}}": Operation(
        "members", "Show a member", {200: json("Member")}
    ),
    f"PUT {_MEMBERS}/{{member_id}}": Operation(
        "members", "Accept or reject the image", {200: json("Member")},
        errors=(409,), body=json(closed(status={"enum": ["accepted", "pending", "rejected"]})),
    ),
    f"DELETE {_MEMBERS}/{{member_id}}": Operation(
        "members", "Share it no longer with a project", {204: None}, errors=(409,)
    ),
}  # fmt: skip
