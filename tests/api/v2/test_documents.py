from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from imagestore.api.v2.documents import documents
from imagestore.config.settings import Images
from imagestore.model.errors import ConfigurationError
from imagestore.model.image import BASE_ATTRIBUTES

NAMES = {
    "image", "images", "member", "members", "task", "tasks",
    "metadefs/namespace", "metadefs/namespaces", "metadefs/object", "metadefs/objects",
    "metadefs/property", "metadefs/properties", "metadefs/resource_type",
    "metadefs/resource_types", "metadefs/tag", "metadefs/tags",
}  # fmt: skip


def schema_file(tmp_path: Path, content: Any) -> Images:
    path = tmp_path / "schema-image.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return Images(schema_file=path)


def test_there_are_sixteen_and_each_is_a_json_schema() -> None:
    found = documents(Images())

    assert found.keys() == NAMES
    for document in found.values():
        Draft202012Validator.check_schema(document)
        json.dumps(document)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("image", "image"),
        ("members", "members"),
        ("metadefs/resource_type", "resource_type_association"),
        ("metadefs/resource_types", "resource_type_associations"),
        ("metadefs/properties", "properties"),
    ],
)
def test_names(path: str, name: str) -> None:
    assert documents(Images())[path]["name"] == name


def test_an_image_has_its_attributes_and_any_other_strings() -> None:
    image = documents(Images(disk_formats=("raw", "own")))["image"]
    base = {name for name, rule in image["properties"].items() if rule.get("is_base", True)}

    assert base == BASE_ATTRIBUTES
    assert image["additionalProperties"] == {"type": "string"}
    assert image["properties"]["disk_format"]["enum"] == [None, "raw", "own"]
    assert [link["rel"] for link in image["links"]] == ["self", "enclosure", "describedby"]
    read_only = {name for name, rule in image["properties"].items() if rule.get("readOnly")}
    assert read_only == {
        "status", "checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size",
        "created_at", "updated_at", "direct_url", "self", "file", "stores", "schema",
    }  # fmt: skip


def test_lists_hold_what_the_single_schema_says() -> None:
    found = documents(Images())

    assert found["images"]["properties"]["images"]["items"] == found["image"]
    assert found["members"]["properties"]["members"]["items"] == found["member"]
    listed = found["tasks"]["properties"]["tasks"]["items"]["properties"]
    assert found["task"]["properties"].keys() - listed.keys() == {"input", "result", "message"}
    assert found["images"]["properties"].keys() == {"images", "first", "next", "schema"}
    assert found["members"]["properties"].keys() == {"members", "schema"}


def test_declared_properties_are_told_from_base_attributes() -> None:
    properties = documents(Images())["image"]["properties"]

    assert properties["kernel_id"]["is_base"] is False
    assert properties["kernel_id"]["type"] == ["null", "string"]
    assert properties["cinder_encryption_key_deletion_policy"]["enum"] == [
        "on_image_deletion",
        "do_not_delete",
    ]


@pytest.mark.parametrize("new_form", [False, True])
def test_a_file_of_the_operator_takes_their_place(tmp_path: Path, new_form: bool) -> None:
    rules = {"rack": {"type": "string", "enum": ["a", "b"]}}
    content = {"properties": rules, "required": ["rack"]} if new_form else rules
    image = documents(schema_file(tmp_path, content))["image"]

    assert image["properties"]["rack"]["enum"] == ["a", "b"]
    assert "kernel_id" not in image["properties"]
    assert image.get("required") == (["rack"] if new_form else None)


@pytest.mark.parametrize(
    "content", [{"properties": {}, "required": []}, {"properties": {}, "required": None}, {}]
)
def test_nothing_required(tmp_path: Path, content: Any) -> None:
    assert "required" not in documents(schema_file(tmp_path, content))["image"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "cannot be read"),
        ([], "does not map"),
        ({"a": "string"}, "does not map"),
        ({"properties": []}, "does not map"),
        ({"properties": {}, "required": "a"}, "required"),
        ({"properties": {}, "required": [1]}, "required"),
        ({"name": {"type": "integer"}}, "declares base attributes: name"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: Any, fault: str) -> None:
    settings = schema_file(tmp_path, content)

    with pytest.raises(ConfigurationError, match=fault) as caught:
        documents(settings)
    assert "schema-image.json" in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        documents(Images(schema_file=tmp_path / "none.json"))
