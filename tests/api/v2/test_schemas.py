from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagestore.api.v2.schemas import ImageSchema
from imagestore.config.settings import Images
from imagestore.model.changes import Change, ImageDraft
from imagestore.model.errors import ConfigurationError, Forbidden, Invalid
from imagestore.model.image import READ_ONLY

SCHEMA = ImageSchema(Images())
ID = "5f0e9d9c-0000-4000-8000-000000000abc"


def create(**body: Any) -> ImageDraft:
    return SCHEMA.validate_create(body)


def change(name: str, value: Any, op: Any = "replace", **rest: Any) -> Change:
    (found,) = SCHEMA.validate_changes([Change(op, name, value, **rest)])
    return found


def test_an_empty_body_is_a_draft() -> None:
    assert create() == ImageDraft({}, {}, ())


def test_attributes_properties_and_tags_are_told_apart() -> None:
    body = {
        "id": ID,
        "name": "n",
        "visibility": "private",
        "protected": True,
        "os_hidden": False,
        "owner": "p",
        "disk_format": "qcow2",
        "container_format": "bare",
        "min_disk": 1,
        "min_ram": 2,
        "tags": ["b", "a", "b"],
        "os_distro": "debian",
        "owner_specified.openstack.md5": "",
        "a/b": "ü",
        "image_id": "x",
        "members": "x",
    }
    draft = create(**body)

    assert draft.tags == ("b", "a")
    assert draft.properties == {
        name: body[name]
        for name in ("os_distro", "owner_specified.openstack.md5", "a/b", "image_id", "members")
    }
    assert draft.attributes == {
        name: value
        for name, value in body.items()
        if name not in draft.properties and name != "tags"
    }


GOOD = [
    ("name", None), ("name", ""), ("name", "x" * 255), ("name", "ümlaut 漢字"),
    ("owner", None), ("owner", "p"),
    ("id", ID), ("id", ID.upper()),
    ("visibility", "public"), ("visibility", "private"), ("visibility", "shared"),
    ("visibility", "community"),
    ("protected", True), ("os_hidden", False),
    ("disk_format", None), ("disk_format", "raw"), ("disk_format", "ploop"),
    ("container_format", None), ("container_format", "compressed"),
    ("min_disk", 0), ("min_disk", 2**31 - 1), ("min_ram", 7),
    ("tags", []), ("tags", [""]), ("tags", ["a b ", "é"]), ("tags", ["x" * 255]),
    ("any", ""), ("any", "x" * 70000), ("", "x"), (" a ", "x"), ("k" * 255, "x"),
    ("architecture", "x86_64"), ("kernel_id", None), ("kernel_id", ID),
    ("cinder_encryption_key_deletion_policy", "do_not_delete"),
]  # fmt: skip

BAD = [
    ("name", 1), ("name", []), ("name", "x" * 256), ("name", "\U0001f600"), ("name", "a\0"),
    ("owner", "x" * 256), ("owner", "\U0001f600"), ("owner", 5),
    ("visibility", "x"), ("visibility", None), ("visibility", []), ("visibility", "PUBLIC"),
    ("protected", "true"), ("protected", 1), ("protected", None), ("os_hidden", "x"),
    ("disk_format", "foo"), ("disk_format", 1), ("disk_format", ["raw"]), ("disk_format", ""),
    ("container_format", "foo"), ("container_format", {}),
    ("min_disk", -1), ("min_disk", 2**31), ("min_disk", 1.5), ("min_disk", True),
    ("min_disk", "1"), ("min_disk", None), ("min_ram", -1), ("min_ram", 1e300),
    ("tags", None), ("tags", "a"), ("tags", [1]), ("tags", {}), ("tags", ["x" * 256]),
    ("tags", ["\U0001f600"]), ("tags", ["a\0"]),
    ("any", None), ("any", 1), ("any", True), ("any", []), ("any", {}),
    ("any", "\U0001f600"), ("any", "é\0"), ("\U0001f600", "x"), ("a\0", "x"), ("k" * 256, "x"),
    ("architecture", None), ("kernel_id", "x"), ("kernel_id", 1),
    ("cinder_encryption_key_deletion_policy", "x"), ("os_distro", 5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_value_that_fits(name: str, value: Any) -> None:
    draft = create(**{name: value})

    if name == "tags":
        assert draft.tags == tuple(value)
    else:
        assert {**draft.attributes, **draft.properties} == {name: value}


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_value_that_does_not_fit(name: str, value: Any) -> None:
    with pytest.raises(Invalid):
        create(**{name: value})


@pytest.mark.parametrize("value", ["x", None, 5, "5f0e9d9c00004000800000000000abc", ID + "\n"])
def test_an_id_is_a_uuid(value: Any) -> None:
    with pytest.raises(Invalid, match="UUID"):
        create(id=value)


@pytest.mark.parametrize("body", [[], [{}], "x", 5, None, True])
def test_a_body_that_is_no_object(body: Any) -> None:
    with pytest.raises(Invalid, match="object"):
        SCHEMA.validate_create(body)


READ_ONLY_VALUES = {
    "size": 1,
    "virtual_size": None,
    "status": "active",
    **dict.fromkeys(sorted(READ_ONLY - {"id", "size", "virtual_size", "status"}), "x"),
}


@pytest.mark.parametrize(("name", "value"), READ_ONLY_VALUES.items())
def test_read_only_attributes(name: str, value: Any) -> None:
    with pytest.raises(Forbidden, match=f"'{name}' is read-only"):
        create(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("locations", []),
        ("location", "x"),
        ("deleted", "x"),
        ("deleted_at", "x"),
        ("os_glance_x", "x"),
        ("os_glance", "x"),
    ],
)
def test_reserved_names(name: str, value: Any) -> None:
    with pytest.raises(Forbidden, match=f"'{name}' is reserved"):
        create(**{name: value})


@pytest.mark.parametrize(
    "body",
    [
        {"size": "abc"},
        {"os_hash_algo": 1},
        {"deleted": True},
        {"locations": "x"},
        {"size": 1, "name": 5},
        {"locations": [{"url": "x"}]},
    ],
)
def test_a_body_that_does_not_fit_is_invalid_before_it_is_forbidden(body: Any) -> None:
    with pytest.raises(Invalid):
        SCHEMA.validate_create(body)


@pytest.mark.parametrize("name", ["direct_url", "self", "file", "schema", "stores"])
def test_save_for_links_that_only_the_service_makes(name: str) -> None:
    with pytest.raises(Forbidden):
        create(**{name: 5, "name": 5})


def test_an_integer_may_be_written_with_a_point() -> None:
    value = create(min_disk=1.0).attributes["min_disk"]

    assert (value, type(value)) == (1, int)


def test_what_is_said_of_a_fault_names_what_to_change() -> None:
    with pytest.raises(Invalid, match="disk_format must be one of: null, ami"):
        create(disk_format="x")
    with pytest.raises(Invalid, match="'a' must be a string"):
        create(a=1)
    with pytest.raises(Invalid, match=r"kernel_id.*does not match"):
        create(kernel_id="x")


def test_a_long_name_is_not_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        create(**{"k" * 100_000: 1})
    assert len(caught.value.message) < 200


class TestChanges:
    @pytest.mark.parametrize(("name", "value"), GOOD)
    def test_a_value_that_fits(self, name: str, value: Any) -> None:
        expected = tuple(value) if name == "tags" else value

        assert change(name, value) == Change("replace", name, expected)

    @pytest.mark.parametrize(("name", "value"), BAD)
    def test_a_value_that_does_not_fit(self, name: str, value: Any) -> None:
        with pytest.raises(Invalid):
            change(name, value, op="add")

    def test_tags_become_a_set_in_order(self) -> None:
        assert change("tags", ["b", "a", "b"]).value == ("b", "a")

    def test_an_integer_may_be_written_with_a_point(self) -> None:
        assert isinstance(change("min_ram", 2.0).value, int)

    def test_removing_needs_no_value(self) -> None:
        assert change("any", None, op="remove") == Change("remove", "any")
        assert change("locations", None, op="remove", index=0).index == 0

    def test_removing_what_no_image_can_have(self) -> None:
        with pytest.raises(Invalid):
            change("k" * 256, None, op="remove")

    def test_what_else_a_change_says_is_kept(self) -> None:
        assert change("a", "b", op="add", must_be_new=True).must_be_new

    def test_one_location_is_checked_as_a_list_of_them(self) -> None:
        location = {"url": "http://x", "metadata": {}}

        assert change("locations", location, op="add", index="-").value == location
        assert change("locations", [location]).value == [location]
        for fault in ("x", {"url": "x"}, {"url": 1, "metadata": {}}):
            with pytest.raises(Invalid):
                change("locations", fault, op="add", index=0)
            with pytest.raises(Invalid):
                change("locations", [fault])
        with pytest.raises(Invalid):
            change("locations", "x")


class TestDeclaredProperties:
    def schema(self, tmp_path: Path, content: Any) -> ImageSchema:
        path = tmp_path / "schema-image.json"
        path.write_text(json.dumps(content))
        return ImageSchema(Images(schema_file=path))

    def test_their_rules_hold(self, tmp_path: Path) -> None:
        schema = self.schema(tmp_path, {"rack": {"type": "string", "enum": ["a", "b"]}})

        assert schema.validate_create({"rack": "a"}).properties == {"rack": "a"}
        with pytest.raises(Invalid, match="rack"):
            schema.validate_create({"rack": "c"})
        assert schema.validate_create({"kernel_id": "x"}).properties == {"kernel_id": "x"}

    def test_what_is_required_has_to_be_there(self, tmp_path: Path) -> None:
        content = {"properties": {"rack": {"type": "string"}}, "required": ["rack", "name"]}
        schema = self.schema(tmp_path, content)

        schema.validate_create({"rack": "a", "name": "n"})
        with pytest.raises(Invalid, match="rack is required"):
            schema.validate_create({"name": "n"})
        schema.validate_changes([Change("replace", "other", "x")])

    def test_what_the_database_cannot_hold_is_refused_all_the_same(self, tmp_path: Path) -> None:
        schema = self.schema(tmp_path, {"rack": {"type": "string", "minLength": 1}})

        with pytest.raises(Invalid, match="4-byte"):
            schema.validate_create({"rack": "\U0001f600"})

    def test_a_rule_that_is_no_schema(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="no JSON schema"):
            self.schema(tmp_path, {"rack": {"type": "text"}})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text() | st.sampled_from(sorted(SCHEMA._checks)), _JSON, max_size=8))
def test_no_body_ends_in_anything_but_a_draft_or_a_refusal(body: dict[str, Any]) -> None:
    try:
        draft = SCHEMA.validate_create(body)
    except (Invalid, Forbidden):
        return
    assert draft.attributes.keys() | draft.properties.keys() | {"tags"} >= body.keys()
