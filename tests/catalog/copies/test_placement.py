"""What the rules ask for an image."""

from __future__ import annotations

import pytest

from imagestore.catalog.copies.placement import matches, placement
from imagestore.config.replication import Rule, parse
from imagestore.model.image import Visibility
from tests.database import samples

IMAGE = samples.image(
    name="Ubuntu 24.04",
    visibility=Visibility.PUBLIC,
    tags=("golden", "tested"),
    properties={"os": "ubuntu"},
)


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ([], True),
        (["visibility=public"], True),
        (["visibility=private | public"], True),
        (["visibility=private"], False),
        (["visibility!=private|shared"], True),
        (["tag=golden"], True),
        (["tag=gold"], False),
        (["tag=t*", " tag = x"], True),
        (["tag!=golden"], False),
        (["tag=golden, tag!=retired"], True),
        (["tag=golden, visibility=private"], False),
        (["tag=x", "visibility=public"], True),
        (["owner=one"], True),
        (["owner!=one"], False),
        (["name=Ubuntu*"], True),
        (["name=ubuntu*"], False),
        (["property:os=ubuntu"], True),
        (["property:os=?????"], False),
        (["property:other=*"], False),
        (["property:other!=*"], True),
        (["store=near"], True),
        (["store=far"], False),
    ],
)
def test_matching(match: list[str], holds: bool) -> None:
    rule = Rule("r", ("far",), tuple(parse(line) for line in match))
    assert matches(rule, IMAGE, {"near"}) is holds


def test_an_image_without_name_and_owner() -> None:
    image = samples.image(owner=None)
    for line in ("owner=*", "name=*", "tag=*"):
        assert not matches(Rule("r", ("far",), (parse(line),)), image, ())


@pytest.mark.parametrize("line", ["golden", "color=red", "property:=x", "tag=", "tag=a|", "=x"])
def test_what_cannot_be_read(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(line)


def test_the_wish_of_several_rules() -> None:
    rules = [
        Rule("one", ("a", "b"), (parse("tag=golden"),)),
        Rule("two", ("b", "c"), (), min_copies=3),
        Rule("three", ("d",), (parse("tag=none"),), min_copies=9),
    ]
    found = placement(rules, IMAGE, {"a"})
    assert found.stores == {"a": "one", "b": "one", "c": "two"}
    assert (found.floor, found.rules) == (3, ("one", "two"))
