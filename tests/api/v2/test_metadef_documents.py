from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from imagestore.api.v2.metadef_documents import metadef_documents


def accepts(name: str, value: Any) -> bool:
    return Draft202012Validator(metadef_documents()[name]).is_valid(value)


PROPERTY = {"title": "T", "type": "string"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("namespace", {"namespace": "OS::X", "visibility": "public", "protected": False}),
        ("namespace", {"namespace": "n", "properties": {"p": PROPERTY}, "tags": [{"name": "t"}]}),
        ("namespace", {"namespace": "n", "objects": [{"name": "o", "required": []}]}),
        ("object", {"name": "o", "properties": {"p": PROPERTY | {"minLength": 0}}}),
        (
            "property",
            {"name": "p", **PROPERTY, "enum": [1], "default": None, "operators": ["<or>"]},
        ),
        ("property", {"name": "p", **PROPERTY, "required": ["x"]}),
        ("properties", {"properties": {"p": PROPERTY}}),
        ("resource_type", {"name": "OS::Nova::Flavor", "prefix": "hw:"}),
        ("tag", {"name": "t"}),
        ("tags", {"tags": [{"name": "t"}], "first": "f", "schema": "s"}),
    ],
)
def test_accepted(name: str, value: dict[str, Any]) -> None:
    assert accepts(f"metadefs/{name}", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("namespace", {}),
        ("namespace", {"namespace": "x" * 81}),
        ("namespace", {"namespace": "n", "visibility": "shared"}),
        ("namespace", {"namespace": "n", "description": "x" * 501}),
        ("namespace", {"namespace": "n", "unknown": 1}),
        ("object", {"properties": {}}),
        ("object", {"name": "o", "properties": {"p": {"type": "string"}}}),
        ("property", PROPERTY),
        ("property", {"name": "p", **PROPERTY, "type": "text"}),
        ("property", {"name": "p", **PROPERTY, "minLength": -1}),
        ("property", {"name": "p", **PROPERTY, "required": []}),
        ("property", {"name": "p", **PROPERTY, "unknown": 1}),
        ("resource_type", {"prefix": "hw:"}),
        ("tag", {"name": "x" * 81}),
        ("tag", {}),
    ],
)
def test_refused(name: str, value: dict[str, Any]) -> None:
    assert not accepts(f"metadefs/{name}", value)


def test_documents_are_not_shared_between_callers() -> None:
    metadef_documents()["metadefs/tag"]["name"] = "changed"

    assert metadef_documents()["metadefs/tag"]["name"] == "tag"
