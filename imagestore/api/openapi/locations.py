"""``/v2/images/{id}/locations``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagestore.api.openapi.operation import Operation, Schema, closed, json

_LOCATIONS = "/v2/images/{image_id}/locations"
_TEXT: Schema = {"type": "string"}
_ADDED: Schema = {
    "type": "object",
    "properties": {
        "url": _TEXT,
        "validation_data": {
            **closed(
                os_hash_algo={"enum": ["sha1", "sha256", "sha512", "md5"]},
                os_hash_value={"type": "string", "pattern": "^[0-9a-fA-F]+$"},
            ),
            "additionalProperties": False,
        },
    },
    "required": ["url"],
}

OPERATIONS: Final[Mapping[str, Operation]] = {
    f"GET {_LOCATIONS}": Operation(
        "locations", "Where the data lies, for services",
        {200: json({"type": "array", "items": closed(url=_TEXT, metadata={"type": "object"})})},
    ),
    f"POST {_LOCATIONS}": Operation(
        "locations", "Make the bytes at a URL the data of a queued image", {202: None},
        errors=(409,), body=json(_ADDED),
    ),
}  # fmt: skip
