"""The body of ``PATCH /v2/images/{id}``: a list of operations, in two media types.

Media type 2.1 writes ``{"op": "add", "path": "/name", "value": …}``, the older
2.0 ``{"add": "/name", "value": …}``, where adding what exists is a conflict.
Pointers reach one level deep, save into ``locations``.
"""

from __future__ import annotations

import re
from typing import Any, Literal, cast

from imagestore.api.body import parse_json
from imagestore.api.v2.schemas import refuse_unwritable
from imagestore.model.changes import Change
from imagestore.model.errors import Invalid, OverLimit, Unsupported

V2_0 = "application/openstack-images-v2.0-json-patch"
V2_1 = "application/openstack-images-v2.1-json-patch"
ACCEPT_PATCH = f"{V2_0}, {V2_1}"

MAX_OPERATIONS = 10_000
"""Of one request: all are tried in one go, and others wait for that."""

_Operation = Literal["add", "replace", "remove"]
_OPERATIONS = ("add", "remove", "replace")
_DEPTH = {("locations", "add"): 2, ("locations", "remove"): 2}
"""Levels of the pointer; one for all others."""

_PLACE = re.compile(r"[0-9]{1,18}")
_BAD_ESCAPE = re.compile(r"~(?![01])")
_EMPTY_SEGMENT = re.compile(r"/\s*/")


def parse(content_type: str, body: bytes) -> tuple[Change, ...]:
    """The changes that a request asks for, in order; values are not checked yet.

    Raises :class:`Unsupported` for another media type, :class:`Invalid` for what
    is no such list, :class:`Forbidden` for names that callers may not write.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in (V2_0, V2_1):
        raise UnsupportedPatch
    if not body:
        raise Invalid("Body expected in request.")
    operations = parse_json(body)
    if not isinstance(operations, list):
        raise Invalid("The body must be a JSON list of operations.")
    if len(operations) > MAX_OPERATIONS:
        raise OverLimit(f"A request may have {MAX_OPERATIONS} operations.")
    read = _read_2_0 if media_type == V2_0 else _read_2_1
    return tuple(
        _change(*read(_object(operation)), operation, must_be_new=media_type == V2_0)
        for operation in operations
    )


class UnsupportedPatch(Unsupported):
    """Answered with the header ``Accept-Patch``."""

    headers = {"Accept-Patch": ACCEPT_PATCH}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(f"The Content-Type of a PATCH must be one of: {ACCEPT_PATCH}.")


def _object(operation: Any) -> dict[str, Any]:
    if not isinstance(operation, dict):
        raise Invalid("Each operation must be a JSON object.")
    return operation


def _read_2_1(operation: dict[str, Any]) -> tuple[_Operation, Any]:
    op = operation.get("op")
    if op not in _OPERATIONS:
        raise Invalid(f'Each operation needs an "op", one of: {", ".join(_OPERATIONS)}.')
    if "path" not in operation:
        raise Invalid('Each operation needs a "path".')
    return cast(_Operation, op), operation["path"]


def _read_2_0(operation: dict[str, Any]) -> tuple[_Operation, Any]:
    named = [op for op in _OPERATIONS if op in operation]
    if len(named) != 1:
        raise Invalid(f"Each operation has exactly one member of: {', '.join(_OPERATIONS)}.")
    return cast(_Operation, named[0]), operation[named[0]]


def _change(
    op: _Operation, pointer: Any, operation: dict[str, Any], *, must_be_new: bool
) -> Change:
    path = _segments(pointer)
    name = path[0]
    if len(path) != _DEPTH.get((name, op), 1):
        raise Invalid(f"The path '{pointer}' does not lead to anything that can be changed.")
    if op != "remove" and "value" not in operation:
        raise Invalid(f'The operation "{op}" needs a "value".')
    refuse_unwritable(name)
    return Change(
        op=op,
        name=name,
        value=None if op == "remove" else operation["value"],
        must_be_new=must_be_new and op == "add",
        index=_index(path[1]) if len(path) > 1 else None,
    )


def _segments(pointer: Any) -> list[str]:
    """The decoded segments of a JSON pointer."""
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise Invalid('A path is a string that begins with "/".')
    if len(pointer) > 1 and pointer.endswith("/"):
        raise Invalid('A path must not end with "/".')
    if _EMPTY_SEGMENT.search(pointer):
        raise Invalid('A path must not contain adjacent "/".')
    if _BAD_ESCAPE.search(pointer):
        raise Invalid('In a path, "~" must be written "~0"; "~1" stands for "/".')
    return [
        segment.replace("~1", "/").replace("~0", "~").strip() for segment in pointer[1:].split("/")
    ]


def _index(segment: str) -> int | Literal["-"]:
    """A place in a list, counted from 0; ``-`` is behind the last."""
    if segment == "-":
        return "-"
    if not _PLACE.fullmatch(segment):
        raise Invalid(f"'{segment}' is no place in a list: use a number, or - for its end.")
    return int(segment)
