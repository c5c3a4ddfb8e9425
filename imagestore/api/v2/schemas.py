"""Checks what callers want to write on an image: names, types, values.

Every attribute has one check, built once from the schema. The checks of the
attributes that callers really send are plain Python, everything else goes
through jsonschema. What depends on the image or on who asks is not decided here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

from imagestore.api.texts import PLAIN, Texts
from imagestore.api.v2.documents import UUID_PATTERN, declared_properties, image_document
from imagestore.api.v2.metadef_documents import Document
from imagestore.config.settings import Images
from imagestore.model.changes import Change, ImageDraft
from imagestore.model.errors import ConfigurationError, Forbidden, Invalid, OverLimit
from imagestore.model.image import BASE_ATTRIBUTES, READ_ONLY, RESERVED, RESERVED_PREFIX, Visibility

MAX_INTEGER = 2**31 - 1
MAX_NAME = 255
MAX_ATTRIBUTES = 10_000
"""Whatever ``image_property_quota`` allows: all are looked at in one go, and others wait."""

_Check = Callable[[str, Any], Any]
"""``(name, value) -> value`` as the model wants it; raises :class:`Invalid`."""

_LINKS = frozenset({"direct_url", "self", "file", "schema", "stores"})
_WRITABLE = (BASE_ATTRIBUTES - READ_ONLY - RESERVED - {"tags"}) | {"id"}
_UUID = re.compile(UUID_PATTERN)


class ImageSchema:
    """The schema of an image under one configuration."""

    def __init__(self, settings: Images) -> None:
        """Raises :class:`ConfigurationError` if ``schema_file`` cannot be used."""
        self._texts = texts = Texts(settings.four_byte_characters)
        string = _strings(texts)
        self._any_string: _Check = string
        document = image_document(settings)
        declared, required = declared_properties(settings)
        self._required = required
        self._checks: dict[str, _Check] = {
            name: _by_schema(rule, texts)
            for name, rule in document["properties"].items()
            if name not in _WRITABLE
        }
        self._checks |= {
            "id": _image_id,
            "name": _nullable(string),
            "owner": _nullable(_strings(PLAIN)),
            "visibility": _one_of([v.value for v in Visibility]),
            "container_format": _one_of([None, *settings.container_formats]),
            "disk_format": _one_of([None, *settings.disk_formats]),
            "protected": _boolean,
            "os_hidden": _boolean,
            "min_disk": _integer,
            "min_ram": _integer,
            "tags": _tags(texts),
        }
        self._checks |= {
            # A rule that asks for no more than a string is what every property has to be.
            name: string if _is_plain(rule) else _by_schema(_checked(rule, settings), texts)
            for name, rule in declared.items()
            if name not in BASE_ATTRIBUTES
        }

    def validate_create(self, body: Any) -> ImageDraft:
        """The draft that the body of a create request describes.

        Raises :class:`Invalid` for a body that does not fit the schema,
        :class:`Forbidden` for one that sets what callers may not set.
        """
        if not isinstance(body, dict):
            raise Invalid("The body must be a JSON object with the attributes of the image.")
        if len(body) > MAX_ATTRIBUTES:
            raise OverLimit(f"An image may have {MAX_ATTRIBUTES} attributes.")
        if forbidden := _LINKS & body.keys():
            raise _read_only(min(forbidden))
        checks = self._checks
        attributes: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        tags: tuple[str, ...] = ()
        not_writable: list[str] = []
        for name, value in body.items():
            checked = checks.get(name, self._any_string)(name, value)
            if name == "tags":
                tags = checked
            elif name in _WRITABLE:
                attributes[name] = checked
            elif name in READ_ONLY or is_reserved(name):
                not_writable.append(name)
            else:
                properties[_property_name(name, self._texts)] = checked
        for name in self._required:
            if name not in body:
                raise Invalid(f"The property {name} is required.")
        for name in not_writable:
            refuse_unwritable(name, creating=True)
        return ImageDraft(attributes, properties, tags)

    def validate_changes(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """The changes with their values checked and in the form that the model wants.

        Raises :class:`Invalid`.
        """
        return tuple(self._change(change) for change in changes)

    def _change(self, change: Change) -> Change:
        name = change.name
        if name not in BASE_ATTRIBUTES:
            _property_name(name, self._texts)
        if change.op == "remove":
            return change
        check = self._checks.get(name, self._any_string)
        if change.index is not None:
            check(name, [change.value])
            return change
        return replace(change, value=check(name, change.value))


def is_reserved(name: str) -> bool:
    """Whether the name is kept for the service."""
    return name in RESERVED or name.startswith(RESERVED_PREFIX)


def refuse_unwritable(name: str, *, creating: bool = False) -> None:
    """Raise :class:`Forbidden` if callers may not write what has this name.

    ``locations`` may be named in changes, where it depends on the configuration.
    """
    if name in READ_ONLY and not (creating and name == "id"):
        raise _read_only(name)
    if is_reserved(name) and (creating or name != "locations"):
        raise Forbidden(f"Attribute '{name}' is reserved.")


def _read_only(name: str) -> Forbidden:
    return Forbidden(f"Attribute '{name}' is read-only.")


def _property_name(name: str, texts: Texts) -> str:
    if len(name) > MAX_NAME:
        raise Invalid(f"The name of a property has at most {MAX_NAME} characters.")
    return texts.storable(name, "The name of a property")


def _strings(texts: Texts) -> Callable[[str, Any], str]:
    def string(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise Invalid(f"The value of {_shown(name)} must be a string.")
        return texts.storable(value, f"The value of {_shown(name)}")

    return string


def _nullable(string: Callable[[str, Any], str]) -> _Check:
    def nullable(name: str, value: Any) -> str | None:
        if value is None:
            return None
        if len(string(name, value)) > MAX_NAME:
            raise Invalid(f"The value of {name} has at most {MAX_NAME} characters.")
        return str(value)

    return nullable


def _image_id(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise Invalid("The id of an image is a UUID: 8-4-4-4-12 hexadecimal digits.")
    return value


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid(f"The value of {name} must be true or false.")
    return value


def _integer(name: str, value: Any) -> int:
    # JSON has one kind of numbers: 1.0 is an integer too.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or isinstance(value, bool):
        raise Invalid(f"The value of {name} must be an integer.")
    if not 0 <= value <= MAX_INTEGER:
        raise Invalid(f"The value of {name} must be between 0 and {MAX_INTEGER}.")
    return int(value)


def _tags(texts: Texts) -> _Check:
    def tags(name: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
            raise Invalid("The value of tags must be a list of strings.")
        for tag in value:
            if len(tag) > MAX_NAME:
                raise Invalid(f"A tag has at most {MAX_NAME} characters.")
            texts.storable(tag, "A tag")
        return tuple(dict.fromkeys(value))

    return tags


def _one_of(allowed: list[str | None]) -> _Check:
    known = frozenset(allowed)
    listed = ", ".join("null" if one is None else one for one in allowed)

    def one_of(name: str, value: Any) -> str | None:
        if (value is not None and not isinstance(value, str)) or value not in known:
            raise Invalid(f"The value of {name} must be one of: {listed}.")
        return value

    return one_of


def _is_plain(rule: Document) -> bool:
    return rule.get("type") == "string" and rule.keys() <= {"type", "description"}


def _checked(rule: Document, settings: Images) -> Document:
    """``rule``, if it is one. Ours are: to check them as well takes a third of a start."""
    try:
        _check(orjson.dumps(rule))
    except SchemaError as error:
        raise ConfigurationError(
            f"The schema file {settings.schema_file} has a rule that is no JSON schema: "
            f"{error.message}"
        ) from error
    return rule


@functools.lru_cache(maxsize=1000)
def _check(rule: bytes) -> None:
    """Once, though a schema is made for the check of a start and for each of its workers."""
    Draft202012Validator.check_schema(orjson.loads(rule))


def _by_schema(rule: Document, texts: Texts) -> _Check:
    validator = Draft202012Validator(rule)
    string = _strings(texts)

    def conform(name: str, value: Any) -> Any:
        if (fault := best_match(validator.iter_errors(value))) is not None:
            raise Invalid(f"The value of {_shown(name)} does not fit its schema: {fault.message}")
        return string(name, value) if isinstance(value, str) else value

    return conform


def _shown(name: str) -> str:
    """A name as far as a message should repeat it."""
    return f"'{name}'" if len(name) <= MAX_NAME else f"'{name[:40]}…'"
