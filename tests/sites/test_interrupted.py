"""What breaks off goes on: connections, the command itself, dumps; what is wrong is not taken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.faultproxy import FaultProxy, Faults
from tests.sites.conftest import (
    TOKEN,
    Api,
    Site,
    content,
    described,
    outcome,
    replicate,
    site_in,
    start_replicate,
)

pytestmark = pytest.mark.slow

MIB = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path / "source") as site:
        yield site


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "this does not come true"
        time.sleep(0.02)


def test_a_connection_is_cut(glance: Api, ours: Site) -> None:
    data = content(5 * MIB, 7)
    image = glance.add(data, name="cut")
    with FaultProxy(int(glance.url.rpartition(":")[2])) as proxy:
        proxy.faults = Faults(cut_after=2 * MIB)
        source = f"http://127.0.0.1:{proxy.port}"
        rule = ("--match", "name=cut", "--mastertoken", TOKEN)
        assert outcome("livecopy", source, ours.url, *rule)["bytes"] == len(data)
        # It went on where it was cut off, and did not begin again.
        assert proxy.traffic.down < 1.5 * len(data)
    assert Api(ours.url).data(image) == data


def test_the_command_is_killed(source: Site, ours: Site) -> None:
    there, here = Api(source.url), Api(ours.url)
    images = {there.add(content(2 * MIB, seed), name=f"i{seed}"): seed for seed in range(4)}

    def active() -> set[str]:
        return {image for image in here.ids() if here.show(image)["status"] == "active"}

    with FaultProxy(source.port) as proxy:
        proxy.faults = Faults(rate=2 * MIB)
        command = ("livecopy", f"http://127.0.0.1:{proxy.port}", ours.url, "--transfers", "1")
        process = start_replicate(*command)
        until(active)
        until(lambda: any(here.show(image)["status"] == "saving" for image in here.ids()))
        process.kill()
        process.communicate()
        done = active()
        assert 0 < len(done) < len(images)
        proxy.faults = Faults()
        last = outcome(*command)
        assert last["counts"]["same"] == len(done)
        assert last["bytes"] == 2 * MIB * (len(images) - len(done))
    for image, seed in images.items():
        assert described(here.show(image)) == described(there.show(image))
        assert here.data(image) == content(2 * MIB, seed)


def test_a_dump_is_killed(source: Site, tmp_path: Path) -> None:
    data = content(6 * MIB, 9)
    image = Api(source.url).add(data, name="large")
    part = tmp_path / "dump" / f"{image}.img.part"
    with FaultProxy(source.port) as proxy:
        proxy.faults = Faults(rate=4 * MIB)
        command = ("dump", f"http://127.0.0.1:{proxy.port}", str(tmp_path / "dump"))
        process = start_replicate(*command)
        until(lambda: part.exists() and part.stat().st_size >= 2 * MIB)
        process.kill()
        process.communicate()
        begun = part.stat().st_size
        assert 0 < begun < len(data)
        proxy.faults = Faults()
        before = proxy.traffic.down
        assert outcome(*command)["counts"] == {"fill": 1}
        assert proxy.traffic.down - before < len(data) - begun + MIB // 2
    assert (tmp_path / "dump" / f"{image}.img").read_bytes() == data
    assert not part.exists()


def test_wrong_bytes_are_not_taken(source: Site, ours: Site, tmp_path: Path) -> None:
    there, here = Api(source.url), Api(ours.url)
    data = content(3 * MIB, 11)
    image = there.add(data)
    with FaultProxy(source.port) as proxy:
        proxy.faults = Faults(corrupt_at=MIB)
        end = f"http://127.0.0.1:{proxy.port}"
        failed = outcome("livecopy", end, ours.url, code=1)["failed"]
        assert "not right" in failed[image]
        until(lambda: here.show(image)["status"] == "queued")  # when it sees that nothing comes
        assert "not right" in outcome("dump", end, str(tmp_path / "d"), code=1)["failed"][image]
        assert not (tmp_path / "d" / f"{image}.img").exists()
    assert outcome("livecopy", source.url, ours.url)["counts"] == {"fill": 1}
    assert here.data(image) == data


def test_a_dump_is_readable_and_verified(source: Site, ours: Site, tmp_path: Path) -> None:
    there, here = Api(source.url), Api(ours.url)
    image = there.add(content(MIB, 12), name="Bär", tags=["a"], os_distro="debian")
    there("POST", f"images/{image}/members", json={"member": "green"})
    dump = tmp_path / "dump"
    replicate("dump", source.url, str(dump), "--members")
    document = json.loads((dump / f"{image}.json").read_text())
    assert document["name"] == "Bär"
    assert document["os_distro"] == "debian"
    assert document["members"] == {"green": "pending"}

    file = dump / f"{image}.img"
    good = file.read_bytes()
    file.write_bytes(good[:5000] + b"!" + good[5001:])
    failed = outcome("load", ours.url, str(dump), "--members", code=1)["failed"]
    assert "not right" in failed[image]
    assert here.show(image)["status"] == "queued"
    file.write_bytes(good[:-1])
    assert image in outcome("load", ours.url, str(dump), code=1)["failed"]
    file.write_bytes(good)
    assert outcome("load", "--to", ours.url, str(dump), "--members")["counts"] == {"fill": 1}
    assert here.data(image) == good
    assert here.members(image) == {"green": "pending"}


def test_conflicts(source: Site, ours: Site) -> None:
    there, here = Api(source.url), Api(ours.url)
    image = there.add(b"one", name="there")
    here.add(b"two", id=image, name="here")
    other = there.add(b"same", name="there")
    here.add(b"same", id=other, name="here")
    ends = (source.url, ours.url)
    plan = outcome("compare", *ends, code=3)["steps"]
    assert {step["id"]: step["action"] for step in plan} == {image: "conflict", other: "change"}
    for rule in ("target", "newer"):
        if rule == "newer":
            time.sleep(1.1)  # the unit of the API's times is a second
            here.patch(other, {"op": "replace", "path": "/min_ram", "value": 1})
        failed = outcome("livecopy", *ends, "--conflict", rule, code=1)
        assert set(failed["failed"]) == {image}
        assert failed["counts"]["leave"] == 1
    assert here.show(other)["name"] == "here"
    assert outcome("livecopy", *ends, "-D", "name min_ram", code=1)["counts"] == {
        "same": 1,
        "failed": 1,
    }
    assert outcome("livecopy", *ends, code=1)["counts"] == {"change": 1, "failed": 1}
    assert (here.data(image), here.show(image)["name"]) == (b"two", "here")
    assert here.show(other)["name"] == "there"
    # An id that was deleted at the target stays taken there; that is told.
    here("DELETE", f"images/{other}")
    assert "409" in outcome("livecopy", *ends, code=1)["failed"][other]


def test_nothing_is_deleted_for_an_empty_source(source: Site, ours: Site) -> None:
    image = Api(ours.url).add(b"data")
    assert "no image at all" in replicate("livecopy", source.url, ours.url, "--delete", code=1)
    assert image in Api(ours.url).ids()


def test_what_cannot_be_done_is_said_in_a_line() -> None:
    for arguments, code in [
        (("livecopy", "127.0.0.1:1"), 2),
        (("size", "no-such-cloud"), 78),
        (("size", "http://user:word@host"), 78),
        (("size", "127.0.0.1:1"), 69),
        (("compare", "127.0.0.1:1", "127.0.0.1:2", "--match", "nonsense"), 1),
        (("compare", "127.0.0.1:1", "127.0.0.1:2", "-D", "disk_format"), 1),
    ]:
        errors = replicate(*arguments, code=code)
        assert "Traceback" not in errors, arguments
