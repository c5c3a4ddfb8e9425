"""The schema documents under ``/v2/schemas``: what images, members and tasks look like.

Clients read them to tell base attributes from custom properties and to check
input before they send it, so names, types, enums and links are part of the API.
"""

from __future__ import annotations

import json
from typing import Any

from imagestore.api.v2.metadef_documents import Document, collection, metadef_documents
from imagestore.config.settings import Images
from imagestore.model.errors import ConfigurationError
from imagestore.model.image import ImageStatus, MemberStatus

UUID_PATTERN = (
    "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
)

_VISIBILITIES = ("community", "public", "private", "shared")


def documents(settings: Images) -> dict[str, Document]:
    """All documents by the end of their path: ``image``, …, ``metadefs/namespace``, …

    Raises :class:`ConfigurationError` if ``schema_file`` cannot be used.
    """
    image = image_document(settings)
    return {
        "image": image,
        "images": collection("images", image),
        "member": _MEMBER,
        "members": collection("members", _MEMBER, paged=False),
        "task": _task(detailed=True),
        "tasks": collection("tasks", _task(detailed=False), paged=False),
        **metadef_documents(),
    }


def image_document(settings: Images) -> Document:
    """The schema of an image: base attributes, declared custom properties, and any strings."""
    declared, required = declared_properties(settings)
    base = _image_properties(settings)
    if clash := sorted(
        name for name in declared if base.get(name, declared[name]) != declared[name]
    ):
        raise ConfigurationError(
            f"The schema file {settings.schema_file} declares base attributes: {', '.join(clash)}."
        )
    document: Document = {
        "name": "image",
        "properties": {
            **base,
            **{name: {**rule, "is_base": False} for name, rule in declared.items()},
        },
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }
    if required:
        document["required"] = required
    return document


def declared_properties(settings: Images) -> tuple[dict[str, Document], list[str]]:
    """Custom properties that the operator has declared, and which of them are mandatory.

    The file is either ``{name: rule}`` or ``{"properties": {name: rule}, "required": [name]}``.
    """
    path = settings.schema_file
    if path is None:
        return _BUILT_IN, []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The schema file {path} cannot be read: {error}") from error
    required: Any = []
    if isinstance(content, dict) and "properties" in content:
        required = content.get("required") or []
        content = content["properties"]
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise ConfigurationError(f"The schema file {path} does not map property names to rules.")
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise ConfigurationError(f'"required" in the schema file {path} is not a list of names.')
    return content, required


def _text(description: str, **rules: Any) -> Document:
    return {"type": "string", "description": description, **rules}


def _nullable(description: str, kind: str = "string", **rules: Any) -> Document:
    return {"type": ["null", kind], "description": description, **rules}


def _image_properties(settings: Images) -> dict[str, Document]:
    fixed: Document = {"readOnly": True}
    return {
        "id": _text("Identifier of the image", pattern=UUID_PATTERN),
        "name": _nullable("Name of the image, for people", maxLength=255),
        "status": _text("State of the image", readOnly=True, enum=[s.value for s in ImageStatus]),
        "visibility": _text("Who can see the image", enum=list(_VISIBILITIES)),
        "protected": {"type": "boolean", "description": "Whether the image cannot be deleted"},
        "os_hidden": {
            "type": "boolean",
            "description": "Whether the image is left out of lists unless asked for",
        },
        "checksum": _nullable("MD5 of the data, in hexadecimal", maxLength=32, **fixed),
        "os_hash_algo": _nullable("Hash function of os_hash_value", maxLength=64, **fixed),
        "os_hash_value": _nullable("Hash of the data, in hexadecimal", maxLength=128, **fixed),
        "owner": _nullable("Project that the image belongs to", maxLength=255),
        "size": _nullable("Length of the data in bytes", "integer", **fixed),
        "virtual_size": _nullable("Size of the disk in the image in bytes", "integer", **fixed),
        "container_format": _nullable(
            "What the disk is wrapped in", enum=[None, *settings.container_formats]
        ),
        "disk_format": _nullable("Format of the disk", enum=[None, *settings.disk_formats]),
        "created_at": _text("When the image was registered", **fixed),
        "updated_at": _text("When the image was last changed", **fixed),
        "tags": {
            "type": "array",
            "description": "Labels of the image",
            "items": {"type": "string", "maxLength": 255},
        },
        "direct_url": _text("Where the data lies in its store", **fixed),
        "min_ram": {"type": "integer", "description": "RAM that it needs to boot, in MB"},
        "min_disk": {"type": "integer", "description": "Disk that it needs to boot, in GB"},
        "self": _text("Path of the image", **fixed),
        "file": _text("Path of its data", **fixed),
        "stores": _text(
            "The stores that hold the data, separated by commas; where several are configured",
            **fixed,
        ),
        "schema": _text("Path of this schema", **fixed),
        "locations": {
            "type": "array",
            "items": _LOCATION,
            "description": "Where copies of the data lie in stores",
        },
    }


_LOCATION: Document = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "metadata": {"type": "object"},
        "validation_data": {
            "description": (
                "Hashes of the data at this location. They become the image's while it is "
                "queued, and must equal them afterwards."
            ),
            "type": "object",
            "writeOnly": True,
            "additionalProperties": False,
            "properties": {
                "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
                "os_hash_algo": {"type": "string", "maxLength": 64},
                "os_hash_value": {"type": "string", "maxLength": 128},
            },
            "required": ["os_hash_algo", "os_hash_value"],
        },
    },
    "required": ["url", "metadata"],
}

_BUILT_IN: dict[str, Document] = {
    "kernel_id": _nullable("Image with the kernel that boots this one", pattern=UUID_PATTERN),
    "ramdisk_id": _nullable("Image with the ramdisk that boots this one", pattern=UUID_PATTERN),
    "instance_uuid": _text("Instance that the image was made of; for information only"),
    "architecture": _text("Processor architecture, such as x86_64 or aarch64"),
    "os_distro": _text("Short name of the operating system, such as debian"),
    "os_version": _text("Version of the operating system, as its maker counts"),
    "description": _text("What the image is, for people"),
    "cinder_encryption_key_id": _text("Key that the volume in the image is encrypted with"),
    "cinder_encryption_key_deletion_policy": _text(
        "What becomes of that key when the image is deleted",
        enum=["on_image_deletion", "do_not_delete"],
    ),
}
"""Custom properties with a meaning that services share."""

_MEMBER: Document = {
    "name": "member",
    "properties": {
        "member_id": _text("Project that the image is shared with"),
        "image_id": _text("Identifier of the image", pattern=UUID_PATTERN),
        "created_at": _text("When it was shared"),
        "updated_at": _text("When the share was last changed"),
        "status": _text("What the project thinks of it", enum=[s.value for s in MemberStatus]),
        "schema": {"readOnly": True, "type": "string"},
    },
}


def _task(*, detailed: bool) -> Document:
    """A task; in lists without what went in and came out."""
    properties = {
        "id": _text("Identifier of the task", pattern=UUID_PATTERN),
        "type": _text("What is done", enum=["import", "api_image_import", "location_import"]),
        "status": _text("How far it is", enum=["pending", "processing", "success", "failure"]),
        "input": _nullable("What was asked for", "object"),
        "result": _nullable("What came of it", "object"),
        "owner": _text("Project that the task belongs to"),
        "message": _text("A word to people, mostly on what went wrong"),
        "image_id": _text("The image that it works on"),
        "request_id": _text("Id of the request that started it"),
        "user_id": _text("User who started it"),
        "expires_at": _nullable("When the record may be removed"),
        "created_at": _text("When it was created"),
        "updated_at": _text("When it was last changed"),
        "self": {"readOnly": True, "type": "string"},
        "schema": {"readOnly": True, "type": "string"},
    }
    if not detailed:
        for name in ("input", "result", "message"):
            del properties[name]
    return {"name": "task", "properties": properties}
