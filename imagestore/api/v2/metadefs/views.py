"""Metadata definitions as the API shows them. What is not set is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from imagestore.api.v2.metadefs.definitions import settled
from imagestore.api.v2.views import timestamp
from imagestore.model.metadef import (
    Association,
    Contents,
    Definition,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    Namespace,
    ResourceType,
)

NAMESPACES = "/v2/metadefs/namespaces"
SCHEMAS = "/v2/schemas/metadefs"


def show_namespace(namespace: Namespace, contents: Contents | None = None) -> dict[str, Any]:
    """A namespace, with what of its contents there is."""
    view = {
        "namespace": namespace.namespace,
        **_set(display_name=namespace.display_name, description=namespace.description),
        "visibility": namespace.visibility,
        "protected": namespace.protected,
        "owner": namespace.owner,
        **_times(namespace.created_at, namespace.updated_at),
        "self": f"{NAMESPACES}/{namespace.namespace}",
        "schema": f"{SCHEMAS}/namespace",
    }
    if contents is not None:
        inside = {
            "resource_type_associations": [show_association(a) for a in contents.associations],
            "objects": [show_object(namespace.namespace, o) for o in contents.objects],
            "properties": show_properties(contents.properties),
            "tags": [{"name": tag.name} for tag in contents.tags],
        }
        view |= {name: found for name, found in inside.items() if found}
    return view


def show_association(association: Association) -> dict[str, Any]:
    return {
        "name": association.name,
        **_set(prefix=association.prefix, properties_target=association.properties_target),
        **_times(association.created_at, association.updated_at),
    }


def show_resource_type(resource_type: ResourceType) -> dict[str, Any]:
    return {
        "name": resource_type.name,
        **_times(resource_type.created_at, resource_type.updated_at),
    }


def show_object(namespace: str, item: MetadefObject) -> dict[str, Any]:
    """An object; one that was given and not read back has no times and no links."""
    view: dict[str, Any] = {"name": item.name, **_set(description=item.description)}
    if item.required is not None:
        view["required"] = item.required
    if item.properties is not None:
        view["properties"] = {
            name: settled(definition) for name, definition in item.properties.items()
        }
    if times := _times(item.created_at, item.updated_at):
        view |= times
        view["self"] = f"{NAMESPACES}/{namespace}/objects/{item.name}"
        view["schema"] = f"{SCHEMAS}/object"
    return view


def show_properties(items: Iterable[MetadefProperty]) -> dict[str, Definition]:
    return {item.name: settled(item.definition) for item in items}


def show_property(item: MetadefProperty) -> dict[str, Any]:
    return {**settled(item.definition), "name": item.name}


def show_tag(tag: MetadefTag) -> dict[str, Any]:
    return {"name": tag.name, **_times(tag.created_at, tag.updated_at)}


def prefixed(view: dict[str, Any], prefix: str) -> dict[str, Any]:
    """A namespace whose properties are named as where they are set on a resource type."""
    changed = dict(view)
    if "properties" in view:
        changed["properties"] = _with_prefix(view["properties"], prefix)
    if "objects" in view:
        changed["objects"] = [
            {
                **item,
                "properties": _with_prefix(item["properties"], prefix),
                "required": [prefix + name for name in item["required"]],
            }
            for item in view["objects"]
        ]
    return changed


def _with_prefix(properties: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {prefix + name: definition for name, definition in properties.items()}


def _set(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _times(created_at: datetime | None, updated_at: datetime | None) -> dict[str, str]:
    if created_at is None or updated_at is None:
        return {}
    return {"created_at": timestamp(created_at), "updated_at": timestamp(updated_at)}
