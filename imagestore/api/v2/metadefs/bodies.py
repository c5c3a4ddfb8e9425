"""Checks what callers want to write: by the schemas that are served, and by what can be kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from imagestore.api.texts import PLAIN, Texts
from imagestore.api.v2.metadef_documents import Document, metadef_documents
from imagestore.api.v2.metadefs.definitions import refuse_unreadable, settled
from imagestore.model.errors import Forbidden, Invalid
from imagestore.model.metadef import (
    MAX_NAME,
    PRIVATE,
    Association,
    Contents,
    Definition,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    NamespaceDraft,
)

_TIMES = frozenset({"created_at", "updated_at"})
_SHOWN = _TIMES | {"self", "schema"}
"""What answers hold and requests do not set."""

_DOCUMENTS = metadef_documents()
_NAMESPACE = Draft202012Validator(_DOCUMENTS["metadefs/namespace"])
_OBJECT = Draft202012Validator(_DOCUMENTS["metadefs/object"])
_PROPERTY = Draft202012Validator(_DOCUMENTS["metadefs/property"])
_TAG = Draft202012Validator(_DOCUMENTS["metadefs/tag"])
_ASSOCIATION = Draft202012Validator(_DOCUMENTS["metadefs/resource_type"])


def _within_map(**more: Document) -> Document:
    """The schema of a property whose name stands before it, with ``more`` keywords."""
    listed = _DOCUMENTS["metadefs/properties"]
    item: Document = listed["properties"]["properties"]["additionalProperties"]
    return {
        **item,
        "properties": {**item["properties"], **more},
        "definitions": listed["definitions"],
    }


_DEFINITION = Draft202012Validator(_within_map())
_DEFINITION_OF_NAMESPACE = Draft202012Validator(_within_map(confidential={"type": "boolean"}))
"""Only with a whole namespace Glance takes this one keyword more."""
_TAGS = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "tags": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "maxLength": MAX_NAME}},
                    "required": ["name"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["tags"],
        "additionalProperties": False,
    }
)


def read_namespace(body: Any, texts: Texts = PLAIN) -> tuple[NamespaceDraft, Contents]:
    """A namespace and what is to be in it. Raises :class:`Invalid`, :class:`Forbidden`."""
    _check(body, _NAMESPACE, _SHOWN, texts)
    draft = NamespaceDraft(
        namespace=_named(body["namespace"]),
        owner=body.get("owner"),
        display_name=body.get("display_name"),
        description=body.get("description"),
        visibility=body.get("visibility", PRIVATE),
        protected=body.get("protected", False),
    )
    contents = Contents(
        associations=tuple(
            read_association(_without_shown(one), texts)
            for one in body.get("resource_type_associations", ())
        ),
        objects=tuple(read_object(_without_shown(one), texts) for one in body.get("objects", ())),
        properties=tuple(
            MetadefProperty(_named(name), definition)
            for name, definition in _definitions(
                body.get("properties", {}), _DEFINITION_OF_NAMESPACE, texts
            ).items()
        ),
        tags=tuple(read_tag(_without_shown(one), texts) for one in body.get("tags", ())),
    )
    return draft, contents


def read_object(body: Any, texts: Texts = PLAIN) -> MetadefObject:
    """Raises :class:`Invalid`, :class:`Forbidden`."""
    _check(body, _OBJECT, _SHOWN, texts)
    required, properties = body.get("required"), body.get("properties")
    return MetadefObject(
        name=_named(body["name"]),
        description=body.get("description"),
        required=None if required is None else tuple(required),
        properties=None if properties is None else _definitions(properties, _DEFINITION, texts),
    )


def read_property(body: Any, texts: Texts = PLAIN) -> MetadefProperty:
    """Raises :class:`Invalid`, :class:`Forbidden`."""
    _check(body, _PROPERTY, _TIMES, texts)
    refuse_unreadable(body)
    return MetadefProperty(_named(body["name"]), settled(body))


def read_tag(body: Any, texts: Texts = PLAIN) -> MetadefTag:
    """Raises :class:`Invalid`, :class:`Forbidden`."""
    _check(body, _TAG, _TIMES, texts)
    return MetadefTag(_named(body["name"]))


def read_tags(body: Any, texts: Texts = PLAIN) -> list[MetadefTag]:
    """Raises :class:`Invalid`, :class:`Forbidden`."""
    _check(body, _TAGS, _TIMES, texts)
    return [MetadefTag(_named(tag["name"])) for tag in body["tags"]]


def read_association(body: Any, texts: Texts = PLAIN) -> Association:
    """Raises :class:`Invalid`, :class:`Forbidden`."""
    _check(body, _ASSOCIATION, _TIMES, texts)
    return Association(_named(body["name"]), body.get("prefix"), body.get("properties_target"))


def _check(
    body: Any, validator: Draft202012Validator, unwritable: Iterable[str], texts: Texts
) -> None:
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    for name in unwritable:
        if name in body:
            raise Forbidden(f"Attribute '{name}' is read-only.")
    if (fault := best_match(validator.iter_errors(body))) is not None:
        where = fault.json_path.removeprefix("$").removeprefix(".") or "The body"
        raise Invalid(f"{where} does not fit its schema: {fault.message}")
    texts.require_storable(body)


def _named(name: str) -> str:
    if not name:
        raise Invalid("A name cannot be empty: nothing could be asked for by it.")
    if len(name) > MAX_NAME:
        raise Invalid(f"A name has at most {MAX_NAME} characters, this one {len(name)}.")
    return name


def _definitions(
    given: dict[str, Any], validator: Draft202012Validator, texts: Texts
) -> dict[str, Definition]:
    for definition in given.values():
        _check(definition, validator, (), texts)
        refuse_unreadable(definition)
    return {name: settled(definition) for name, definition in given.items()}


def _without_shown(item: Any) -> Any:
    """``item`` as an answer showed it, without what only answers hold."""
    if not isinstance(item, dict):
        return item
    return {name: value for name, value in item.items() if name not in _SHOWN}
