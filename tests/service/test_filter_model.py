"""Any list of images is the one that a small model makes of the same images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.conftest import Person, Start

pytestmark = pytest.mark.every_database

NAMES = (None, "", "a", "A", "ä", "b", "a,b", 'say "hi"', "in:a", "a%", "_", "中")
PROPERTIES: tuple[dict[str, str], ...] = (
    {}, {"color": "red"}, {"color": "Red"}, {"color": "red", "size_of": "1"}, {"Color": "red"},
)  # fmt: skip
TAGS: tuple[tuple[str, ...], ...] = ((), ("x",), ("X", "y"), ("x", "y"))
DISKS = (0, 1, 7, 2**31 - 1)
IMAGES = [
    {
        "id": f"11111111-0000-4000-8000-{index:012}",
        "name": name,
        "min_disk": DISKS[index % len(DISKS)],
        "protected": index % 3 == 0,
        "tags": list(TAGS[index % len(TAGS)]),
        "disk_format": ("raw", "qcow2", "iso")[index % 3],
        **PROPERTIES[index % len(PROPERTIES)],
    }
    for index, name in enumerate(NAMES * 2)
]
"""Each a POST. Ids ascend, as times do: not every database tells moments of one second apart."""
SORTS = ("name", "disk_format", "id")
LONG_PAST, FAR = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"

Parameters = list[tuple[str, str]]


def quoted(name: str) -> str:
    """A value of a list."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def fulfils(image: dict[str, Any], name: str, value: Any) -> bool:
    """Whether the image passes the filter; ``value`` as :func:`condition` drew it."""
    match name:
        case "name" | "disk_format":
            return image[name] in value
        case "min_disk":
            return bool(image["min_disk"] == value)
        case "min_disk_min":
            return bool(image["min_disk"] >= value)
        case "min_disk_max":
            return bool(image["min_disk"] <= value)
        case "protected":
            return bool(image["protected"] == value)
        case "tag":
            return value in image["tags"]
        case "created_at":
            return bool({"gt": LONG_PAST, "lt": FAR}[value[0]] == value[1])
    return bool(image.get(name) == value)


@st.composite
def condition(draw: st.DrawFn) -> tuple[str, Any, str]:
    """A filter, what the model takes for its value, and what is written."""
    name = draw(
        st.sampled_from(
            ["name", "name", "disk_format", "min_disk", "min_disk_min", "min_disk_max", "protected",
             "tag", "color", "Color", "size_of", "created_at"]
        )
    )  # fmt: skip
    if name in ("name", "disk_format"):
        among = [one for one in NAMES if one] if name == "name" else ["raw", "qcow2", "vhd"]
        values = draw(st.lists(st.sampled_from(among), min_size=1, max_size=3))
        if len(values) == 1 and draw(st.booleans()):
            return name, values, f"eq:{values[0]}"
        return name, values, "in:" + ",".join(map(quoted, values))
    if name.startswith("min_disk"):
        number = draw(st.sampled_from([-1, *DISKS, 2, 2**31, 2**70]))
        return name, number, str(number)
    if name == "protected":
        flag = draw(st.booleans())
        return name, flag, str(flag).lower()
    if name == "tag":
        tag = draw(st.sampled_from(["x", "X", "y", "z"]))
        return name, tag, tag
    if name == "created_at":
        operator, moment = draw(st.tuples(st.sampled_from("gl"), st.sampled_from([LONG_PAST, FAR])))
        return name, (f"{operator}t", moment), f"{operator}t:{moment}"
    value = draw(st.sampled_from(["red", "Red", "1", "%", ""]))
    return name, value, value


def ordered(images: list[dict[str, Any]], sort: list[tuple[str, bool]]) -> list[dict[str, Any]]:
    """By the keys, each ascending or not; then by creation and id, as the last of them goes."""
    rest = {ascending for _, ascending in sort}
    direction = rest.pop() if len(rest) == 1 else False
    keys = dict(reversed(sort))
    for key in ("created_at", "id"):
        keys.setdefault(key, direction)
    in_order = [*dict.fromkeys(key for key, _ in sort)]
    in_order += [key for key in ("created_at", "id") if key not in in_order]

    def compare(one: dict[str, Any], other: dict[str, Any]) -> int:
        for key in in_order:
            # Null is smaller than everything, the empty name too.
            left, right = ((each[key] or "").encode() for each in (one, other))
            if left != right:
                return (1 if left > right else -1) * (1 if keys[key] else -1)
        return 0

    return sorted(images, key=cmp_to_key(compare))


@dataclass
class Corpus:
    alice: Person
    images: list[dict[str, Any]]


@pytest.fixture
async def corpus(start: Start) -> Corpus:
    alice = (await start()).person("red")
    return Corpus(alice, [await alice.create(**draft) for draft in IMAGES])


conditions = st.lists(condition(), max_size=3, unique_by=lambda drawn: drawn[0])
sorts = st.lists(st.tuples(st.sampled_from(SORTS), st.booleans()), max_size=2)


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(conditions, sorts, st.integers(1, 30))
async def test_any_list_is_as_the_model_has_it(
    corpus: Corpus,
    conditions: list[tuple[str, Any, str]],
    sort: list[tuple[str, bool]],
    limit: int,
) -> None:
    found = [
        image
        for image in corpus.images
        if all(fulfils(image, name, value) for name, value, _ in conditions)
    ]
    wanted = ordered(found, sort or [("created_at", False)])

    parameters: Parameters = [(name, text) for name, _, text in conditions]
    if sort:
        told = (f"{key}:{'asc' if ascending else 'desc'}" for key, ascending in sort)
        parameters.append(("sort", ",".join(told)))
    path: str | None = "/v2/images?" + urlencode([*parameters, ("limit", str(limit))])
    listed: list[str] = []
    while path:
        answer = await corpus.alice("GET", path)
        assert answer.status == 200, await answer.text()
        page = await answer.json()
        assert len(page["images"]) <= limit
        listed += [image["id"] for image in page["images"]]
        path = page.get("next")
    assert listed == [image["id"] for image in wanted], parameters
