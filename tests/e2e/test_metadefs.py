"""Every metadef command of ``glance`` and ``openstack``, against Glance 33 and imagestore alike."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.served import Served
from tests.services import glance as glance_service
from tests.services import programs
from tests.services.programs import BIN
from tests.services.shared import shared

TOKEN = "root:admin:admin,member,reader"
"""What the filter before the test Glance takes; the open imagestore asks for nothing."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Q = '{"type": "string", "title": "Q", "enum": ["a", "b"]}'
OBJECT = f'{{"description": "d", "required": ["q"], "properties": {{"q": {Q}}}}}'
IMPORTED = {
    "namespace": "imported",
    "visibility": "public",
    "properties": {"p": {"title": "P", "type": "integer", "default": 1}},
    "objects": [{"name": "o", "properties": {}}],
    "tags": [{"name": "t"}],
    "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "x_"}],
}

GLANCE = [
    ["md-namespace-create", "ns", "--display-name", "D", "--description", "d", "--visibility",
     "public", "--protected", "False", "--owner", "someone"],
    ["md-namespace-create", "ns"],
    ["md-namespace-import", "--file", "{file}"],
    ["md-namespace-update", "ns", "--description", "e", "--visibility", "private"],
    ["md-namespace-update", "imported", "--namespace", "renamed"],
    ["md-namespace-show", "imported"],
    ["md-namespace-show", "renamed"],
    ["md-namespace-show", "renamed", "--resource-type", "OS::Glance::Image"],
    ["md-property-create", "ns", "--name", "p", "--title", "P", "--type", "string", "--schema",
     '{"minLength": 1, "default": "a"}'],
    ["md-property-update", "ns", "p", "--title", "Changed", "--name", "p2"],
    ["md-property-show", "ns", "p2"],
    ["md-property-list", "ns"],
    ["md-object-create", "ns", "--name", "o", "--schema", OBJECT],
    ["md-object-create", "ns", "--name", "o", "--schema", OBJECT],
    ["md-object-update", "ns", "o", "--name", "o2"],
    ["md-object-show", "ns", "o2"],
    ["md-object-property-show", "ns", "o2", "q"],
    ["md-object-list", "ns"],
    ["md-tag-create", "ns", "--name", "a"],
    ["md-tag-create-multiple", "ns", "--names", "b,c", "--append"],
    ["md-tag-list", "ns"],
    ["md-tag-create-multiple", "ns", "--names", "d|e", "--delim", "|"],
    ["md-tag-update", "ns", "d", "--name", "f"],
    ["md-tag-show", "ns", "f"],
    ["md-tag-list", "ns"],
    ["md-resource-type-associate", "ns", "--name", "T", "--prefix", "t_", "--properties-target",
     "image"],
    ["md-namespace-resource-type-list", "ns"],
    ["md-resource-type-list"],
    ["md-namespace-list", "--page-size", "1"],
    ["md-namespace-list", "--resource-types", "T", "--visibility", "private"],
    ["md-namespace-show", "ns"],
    ["md-resource-type-deassociate", "ns", "T"],
    ["md-tag-delete", "ns", "f"],
    ["md-tag-delete", "ns", "f"],
    ["md-property-delete", "ns", "p2"],
    ["md-object-delete", "ns", "o2"],
    ["md-namespace-tags-delete", "ns"],
    ["md-namespace-objects-delete", "renamed"],
    ["md-namespace-properties-delete", "renamed"],
    ["md-namespace-show", "renamed"],
    ["md-namespace-show", "ns"],
    ["md-namespace-delete", "ns"],
    ["md-namespace-delete", "renamed"],
    ["md-namespace-list"],
]  # fmt: skip
OPENSTACK = [
    ["namespace", "create", "os", "--display-name", "D", "--description", "d", "--public",
     "--protected", "-f", "json"],
    ["namespace", "set", "os", "--display-name", "E", "--private", "--unprotected", "--tag", "a",
     "--tag", "b"],
    ["namespace", "show", "os", "-f", "json"],
    ["namespace", "unset", "os", "--tag", "a"],
    ["namespace", "list", "--visibility", "private", "-f", "json"],
    ["property", "create", "os", "--name", "p", "--title", "P", "--type", "string", "--schema",
     '{"minLength": 1}', "-f", "json"],
    ["property", "set", "os", "p", "--title", "Changed"],
    ["property", "show", "os", "p", "-f", "json"],
    ["property", "list", "os", "-f", "json"],
    ["object", "create", "--namespace", "os", "o", "-f", "json"],
    ["object", "update", "os", "o", "--name", "o2"],
    ["object", "show", "os", "o2", "-f", "json"],
    ["object", "property", "show", "os", "o2", "none", "-f", "json"],
    ["object", "list", "os", "-f", "json"],
    ["resource", "type", "association", "create", "os", "T", "--properties-target", "image",
     "-f", "json"],
    ["resource", "type", "association", "list", "os", "-f", "json"],
    ["resource", "type", "list", "-f", "json"],
    ["namespace", "list", "--resource-types", "T", "-f", "json"],
    ["resource", "type", "association", "delete", "os", "T"],
    ["object", "delete", "os", "o2"],
    ["property", "delete", "os", "p"],
    ["namespace", "unset", "os", "--all-tags"],
    ["namespace", "show", "os", "-f", "json"],
    ["namespace", "delete", "os"],
    ["namespace", "show", "os", "-f", "json"],
]  # fmt: skip


@pytest.fixture(scope="module")
def glance_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with shared(place / "glance-for-metadefs", glance_service.start) as url:
        yield url


def played(command: list[str], script: list[list[str]]) -> list[tuple[int, str]]:
    """What became of each line of the script: its exit code, and what it printed."""
    outcomes = []
    for line in script:
        done = programs.run([*command, *line])
        outcomes.append((done.returncode, TIME.sub("<time>", done.stdout.decode())))
    return outcomes


def compare(theirs: list[str], ours: list[str], script: list[list[str]]) -> None:
    with ThreadPoolExecutor(2) as pool:
        expected, found = pool.map(played, (theirs, ours), (script, script))
    for line, left, right in zip(script, expected, found, strict=True):
        assert left == right, line
    # Most succeed, or the script itself is wrong.
    assert sum(code == 0 for code, _ in found) >= len(script) - 5


def test_every_command(glance_url: str, open_service: Served, tmp_path: Path) -> None:
    """One client after the other: what the first leaves, the second lists."""
    file = tmp_path / "imported.json"
    file.write_text(json.dumps(IMPORTED))
    script = [[word.replace("{file}", str(file)) for word in line] for line in GLANCE]

    def glance(url: str) -> list[str]:
        return [str(BIN / "glance"), "--os-image-url", url, "--os-auth-token", TOKEN]

    def openstack(url: str) -> list[str]:
        return [
            str(BIN / "openstack"), "--os-auth-type", "admin_token", "--os-token", TOKEN,
            "--os-endpoint", f"{url}/v2", "image", "metadef",
        ]  # fmt: skip

    compare(glance(glance_url), glance(open_service.url), script)
    compare(openstack(glance_url), openstack(open_service.url), OPENSTACK)
