"""The table is whole: every rule at every door, and no door beside it."""

from __future__ import annotations

from pathlib import Path

from imagestore import app
from imagestore.api import keys
from imagestore.serving.ending import REGISTRY
from tests.gate import test_rules
from tests.gate.doors import ALL
from tests.gate.table import REASONS, RULES
from tests.service.conftest import settings_in

BRINGS_NOTHING = {
    "PATCH /v2/images/{image_id}": "but for locations",
    "POST /v2/images": "an image without data",
    "PUT /v2/images/{image_id}/tags/{tag}": "a tag, which a rule of replication may look at",
}
"""Routes that write, and bring no bytes by themselves."""
NEVER_BYTES = ("metadefs", "members", "actions", "healthcheck", "cache/clean", "cache/prune")
WORK_WITHOUT_BYTES = {
    "housekeeping": "removes rows",
    "orphans": "removes what belongs to no image",
    "remove-copy": "removes copies",
    "scrub": "removes what is deleted",
}


def test_every_cell_has_a_test_or_a_reason() -> None:
    tested = set()
    for function in vars(test_rules).values():
        marks = getattr(function, "pytestmark", [])
        rules = {mark.args[0] for mark in marks if mark.name == "rule"}
        for mark in marks:
            if mark.name == "parametrize" and mark.args[0] == "door":
                tested |= {(each.values[0].name, rule) for each in mark.args[1] for rule in rules}
    every = {(door.name, rule) for door in ALL for rule in RULES}
    assert tested | REASONS.keys() == every
    assert not tested & REASONS.keys()
    assert all(reason.endswith(".") for reason in REASONS.values())


def test_no_door_is_beside_the_table(tmp_path: Path) -> None:
    application = app.create(settings_in(tmp_path))
    writing = {
        f"{where}{route.method} {route.resource.canonical}"
        for where, served in (("", application), ("registry ", application[REGISTRY]))
        for route in served.router.routes()
        if route.resource is not None and route.method not in ("GET", "HEAD", "DELETE", "OPTIONS")
    }
    known = {route for door in ALL for route in door.routes} | BRINGS_NOTHING.keys()
    left = {route for route in writing - known if not any(word in route for word in NEVER_BYTES)}
    assert not left, "a route that no door of tests/gate/doors.py knows"
    assert known <= writing
    kinds = set(application[keys.catalog].jobs.kinds)
    of_doors = {kind for door in ALL for kind in door.kinds}
    assert not kinds - of_doors - WORK_WITHOUT_BYTES.keys(), "a kind of jobs that no door knows"
