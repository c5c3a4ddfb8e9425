"""Imports and tasks through the command lines: ``glance …`` and ``openstack image …``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Client
from tests.images import converted

GlanceAs = Callable[[str], Client]
_ID = re.compile(r"\| id +\| (\S+)")
FORMATS = ("--disk-format", "qcow2", "--container-format", "bare")


def _id(output: str) -> str:
    found = _ID.search(output)
    assert found, output
    return found.group(1)


def _until_active(client: Client, *show: str) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        shown = client(*show)
        # While another store is copied to, the image has been active for long.
        if "active" in shown and "os_glance_import_task" not in shown:
            return shown
        time.sleep(0.2)
    raise AssertionError(shown)


def test_glance(glance_as: GlanceAs, tmp_path: Path) -> None:
    alice, root = glance_as("token-of-alice"), glance_as("token-of-root")
    source = converted(tmp_path, "qcow2")
    assert "import-methods" in alice("import-info")
    created = alice(
        "image-create-via-import", "--import-method", "glance-direct",
        *FORMATS, "--name", "in one go", "--stores", "file1", stdin=source,
    )  # fmt: skip
    image = _id(created)
    _until_active(alice, "image-show", image)
    assert "success" in alice("image-tasks", image)
    root("image-import", "--import-method", "copy-image", "--stores", "file2", image)
    assert "file1,file2" in _until_active(alice, "image-show", image)
    saved = tmp_path / "saved"
    alice("image-download", image, "--file", str(saved))
    assert saved.read_bytes() == source.read_bytes()

    listed = root("task-list")
    task = next(word for word in listed.split() if re.fullmatch(r"[0-9a-f-]{36}", word))
    assert image in root("task-show", task)


def test_openstack(openstack: Client, tmp_path: Path) -> None:
    source = converted(tmp_path, "qcow2")
    assert "glance-direct" in openstack("image", "import", "info")
    image = openstack.json(
        "image", "create", "--import", "--file", str(source), *FORMATS, "imported"
    )["id"]
    _until_active(openstack, "image", "show", image)
    (task,) = [
        each for each in openstack.json("image", "task", "list") if each["Status"] == "success"
    ]
    shown = openstack.json("image", "task", "show", task["ID"])
    assert image in str(shown)
    saved = tmp_path / "saved"
    openstack("image", "save", "--file", str(saved), image)
    assert saved.read_bytes() == source.read_bytes()
