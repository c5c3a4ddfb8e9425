"""Every metadef command of ``glance`` and ``openstack``, and what they print with Glance 33.

``python -m tests.e2e.metadefs`` asks Glance anew and rewrites the recording.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from tests.services import glance, programs
from tests.services.programs import BIN

RECORDING = Path(__file__).parent / "metadefs-glance-33.json"
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

Outcomes = list[tuple[int, str]]
"""What became of each line of a script: its exit code, and what it printed."""


def played(url: str, directory: Path) -> dict[str, Outcomes]:
    """Both scripts, one client after the other: what the first leaves, the second lists."""
    file = directory / "imported.json"
    file.write_text(json.dumps(IMPORTED))
    script = [[word.replace("{file}", str(file)) for word in line] for line in GLANCE]
    named = ["--os-image-url", url, "--os-auth-token", TOKEN]
    opened = ["--os-auth-type", "admin_token", "--os-token", TOKEN, "--os-endpoint", f"{url}/v2"]
    return {
        "glance": _played([str(BIN / "glance"), *named], script),
        "openstack": _played([str(BIN / "openstack"), *opened, "image", "metadef"], OPENSTACK),
    }


def _played(command: list[str], script: list[list[str]]) -> Outcomes:
    outcomes = []
    for line in script:
        done = programs.run([*command, *line])
        outcomes.append((done.returncode, TIME.sub("<time>", done.stdout.decode())))
    return outcomes


def recorded() -> dict[str, Outcomes]:
    found = json.loads(RECORDING.read_text())
    return {client: [(code, text) for code, text in lines] for client, lines in found.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        running = glance.start(Path(name) / "glance")
        try:
            outcomes = played(running.url, Path(name))
        finally:
            running.stop()
    RECORDING.write_text(json.dumps(outcomes, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
