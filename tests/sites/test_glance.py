"""From a real Glance to imagestore and back: metadata and bytes are equal, nothing moves twice."""

from __future__ import annotations

from pathlib import Path

from tests.sites.conftest import TOKEN, Api, Site, content, described, outcome, replicate, site_in

FIELDS = {"name": "ein Bild/~1", "a/b~c": "1", "os_distro": "debian", "min_disk": 3, "min_ram": 64}


def fill(site: Api, **more: str) -> dict[str, bytes]:
    """Images of every sort; their data by id."""
    images = {
        site.add(
            content(3_000_001, 1), visibility="public", tags=["golden", "b"], **FIELDS, **more
        ),
        site.add(content(70_000, 2), visibility="community", os_hidden=True, protected=True),
        site.add(content(10, 3), visibility="private", owner="blue"),
        site.add(b"", name="empty", visibility="shared"),
    }
    off = site.add(content(500, 4), name="off")
    site("POST", f"images/{off}/actions/deactivate")
    return {image: site.data(image) for image in images | {off}}


def assert_equal(one: Api, other: Api, data: dict[str, bytes]) -> None:
    for image, expected in data.items():
        there, here = described(one.show(image)), described(other.show(image))
        if there["owner"] is None:
            del there["owner"], here["owner"]
        assert there == here
        assert other.data(image) == expected


def test_there_and_back(glance: Api, ours: Site, tmp_path: Path) -> None:
    data = fill(glance)
    here = Api(ours.url)
    queued = glance.add(name="without data")
    shared = next(image for image in data if glance.show(image).get("name") == "empty")
    glance("POST", f"images/{shared}/members", json={"member": "green"})
    glance("PUT", f"images/{shared}/members/green", json={"status": "accepted"})

    ends = ("--from", glance.url, "--to", ours.url, "--mastertoken", TOKEN)
    plan = outcome("compare", *ends, code=3)
    assert {step["id"] for step in plan["steps"]} == set(data)
    assert here.ids() == set()

    first = outcome("livecopy", *ends, "--members")
    assert first["counts"] == {"create": len(data)}
    assert first["bytes"] == sum(map(len, data.values()))
    assert_equal(glance, here, data)
    assert here.members(shared) == {"green": "accepted"}
    assert queued not in here.ids()
    size = f"{sum(map(len, data.values()))} bytes across {len(data)} images\n"
    assert replicate("size", ours.url.removeprefix("http://")) == size
    assert replicate("size", glance.url, "-t", TOKEN) == size

    again = outcome("livecopy", *ends, "--members")
    assert (again["counts"], again["bytes"]) == ({"same": len(data)}, 0)
    assert outcome("compare", *ends, "--members")["steps"] == []

    # Changes follow: of metadata, tags, status and members, without a byte moved.
    image = next(iter(data))
    glance.patch(
        image,
        {"op": "replace", "path": "/name", "value": "other"},
        {"op": "replace", "path": "/tags", "value": ["c"]},
        {"op": "add", "path": "/new", "value": "é"},
    )
    glance("DELETE", f"images/{shared}/members/green")
    off = next(image for image in data if glance.show(image)["status"] == "deactivated")
    glance("POST", f"images/{off}/actions/reactivate")
    changed = outcome("livecopy", *ends, "--members")
    expected = {"change": len({image, off, shared}), "same": len(data) - len({image, off, shared})}
    assert (changed["counts"], changed["bytes"]) == (expected, 0)
    assert_equal(glance, here, data)
    assert here.members(shared) == {}

    # Back into a Glance that is empty: the way over a dump, and directly into another imagestore.
    dump = str(tmp_path / "dump")
    assert outcome("dump", ours.url, dump)["counts"] == {"create": len(data)}
    assert outcome("dump", ours.url, dump)["counts"] == {"same": len(data)}
    with site_in(tmp_path / "third") as third:
        assert outcome("load", third.url, dump)["bytes"] == sum(map(len, data.values()))
        assert_equal(here, Api(third.url), data)
        assert outcome("livecopy", ours.url, third.url)["bytes"] == 0


def test_into_glance(glance: Api, ours: Site) -> None:
    here = Api(ours.url)
    data = fill(here, mark="x")
    ends = (ours.url, glance.url, "--slavetoken", TOKEN)
    assert outcome("livecopy", *ends)["counts"] == {"create": len(data)}
    assert_equal(here, glance, data)
    assert outcome("livecopy", *ends)["bytes"] == 0

    # What is gone here is removed there, only by rule, only what matches, and nothing protected.
    gone = next(image for image in data if here.show(image).get("mark") == "x")
    here("DELETE", f"images/{gone}")
    other = glance.add(b"x", name="somebody else's")
    assert outcome("livecopy", *ends)["counts"] == {"same": len(data) - 1}
    assert gone in glance.ids()
    rule = ("--delete", "--match", "mark=x")
    plan = outcome("compare", *ends, *rule, code=3)
    assert [(step["id"], step["action"]) for step in plan["steps"]] == [(gone, "delete")]
    assert outcome("livecopy", *ends, *rule)["counts"] == {"delete": 1}
    assert gone not in glance.ids()
    assert other in glance.ids()
