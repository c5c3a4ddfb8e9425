"""Any PATCH does what a small model of it does, or nothing at all and says why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagestore.config.settings import Limits
from tests.service.conftest import Person, Start

V20 = "application/openstack-images-v2.0-json-patch"
V21 = "application/openstack-images-v2.1-json-patch"
QUOTA = 3
"""Custom properties, and tags, that an image may have."""

_POINTERS = {
    "a": "/a",
    "b": "/b",
    "x/y": "/x~1y",
    "t~1": "/t~01",
    "é": "/é",
    "中": "/中",
}
_ATTRIBUTES = ("name", "min_disk", "protected", "tags")


@dataclass(frozen=True)
class Model:
    """What PATCH may change, as the API shows it."""

    name: Any = None
    min_disk: Any = 0
    protected: Any = False
    tags: Any = ()
    properties: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, shown: dict[str, Any]) -> Model:
        properties = {name: shown[name] for name in _POINTERS if name in shown}
        tags = tuple(sorted(shown["tags"]))
        return cls(shown["name"], shown["min_disk"], shown["protected"], tags, properties)


@dataclass
class Refused(Exception):
    status: int


def is_fit(name: str, value: Any) -> bool:
    """Whether an attribute or a property can have the value."""
    match name:
        case "name":
            return value is None or isinstance(value, str)
        case "min_disk":
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
        case "protected":
            return isinstance(value, bool)
        case "tags":
            return isinstance(value, list) and all(isinstance(tag, str) for tag in value)
    return isinstance(value, str)


def patched(model: Model, operations: list[tuple[str, str, Any]], *, older: bool) -> Model:
    """What becomes of the image; raises :class:`Refused`, and then nothing does."""
    if not all(op == "remove" or is_fit(name, value) for op, name, value in operations):
        raise Refused(400)
    properties = dict(model.properties)
    for op, name, value in operations:
        if name in _ATTRIBUTES:
            if op == "remove":
                raise Refused(403)
            if op == "add" and older:
                raise Refused(409)
            value = tuple(sorted(set(value))) if name == "tags" else value
            model = replace(model, **{name: value})
        elif op == "add":
            if older and name in properties:
                raise Refused(409)
            properties[name] = value
        elif name not in properties:
            raise Refused(409)
        elif op == "replace":
            properties[name] = value
        else:
            del properties[name]
    return replace(model, properties=properties)


def within_quota(before: Model, after: Model) -> bool:
    """More than the quota is refused where there were fewer before."""
    pairs = ((before.properties, after.properties), (before.tags, after.tags))
    return all(len(new) <= max(QUOTA, len(old)) for old, new in pairs)


_TEXTS = st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF, exclude_characters="\0"))
_VALUES = st.one_of(
    _TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([2**31 - 1, 2**31, 2**63, 0.5]),
    st.lists(st.sampled_from(["one", "two", "ONE", "three", "four"]), max_size=5),
    st.just({}),
)
_FIT = {
    "name": st.none() | _TEXTS.filter(lambda text: len(text) <= 255),
    "min_disk": st.integers(0, 2**31 - 1),
    "protected": st.booleans(),
    "tags": st.lists(st.sampled_from(["one", "two", "ONE", "three", "four"]), max_size=5),
}


@st.composite
def operation(draw: st.DrawFn) -> tuple[str, str, Any]:
    name = draw(st.sampled_from([*_POINTERS, *_ATTRIBUTES]))
    # Wrong values now and then: a document with one is refused whole.
    value = draw(_FIT.get(name, _TEXTS) if draw(st.integers(0, 9)) else _VALUES)
    return draw(st.sampled_from(["add", "add", "replace", "remove"])), name, value


def written(operations: list[tuple[str, str, Any]], *, older: bool) -> bytes:
    """The document; a removal has no value."""
    listed = []
    for op, name, value in operations:
        path = _POINTERS.get(name, f"/{name}")
        one = {op: path} if older else {"op": op, "path": path}
        listed.append(one if op == "remove" else {**one, "value": value})
    return json.dumps(listed).encode()


async def ask(alice: Person, image: str, document: bytes, *, older: bool) -> tuple[int, Any]:
    headers = {"Content-Type": V20 if older else V21}
    answer = await alice("PATCH", f"/v2/images/{image}", data=document, headers=headers)
    return answer.status, await answer.json() if answer.status == 200 else await answer.text()


documents = st.lists(st.tuples(st.lists(operation(), max_size=4), st.booleans()), max_size=5)


@pytest.fixture
async def alice(start: Start) -> Person:
    limits = Limits(image_property_quota=QUOTA, image_tag_quota=QUOTA)
    return (await start(limits=limits)).person("red")


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(documents)
async def test_any_patch_is_as_the_model_has_it(
    alice: Person, documents: list[tuple[list[tuple[str, str, Any]], bool]]
) -> None:
    image = (await alice.create())["id"]
    model = Model()
    for operations, older in documents:
        status, body = await ask(alice, image, written(operations, older=older), older=older)
        try:
            after = patched(model, operations, older=older)
        except Refused as refused:
            assert status == refused.status, body
        else:
            if within_quota(model, after):
                assert status == 200, body
                assert Model.of(body) == after
                model = after
            else:
                assert status == 413, body
        assert Model.of(await alice.show(image)) == model
