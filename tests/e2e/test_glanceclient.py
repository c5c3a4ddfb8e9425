"""The life of images, and sharing between projects, through ``glance …`` of python-glanceclient."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Client
from tests.images import converted

GlanceAs = Callable[[str], Client]
_ID = re.compile(r"\| id +\| (\S+)")


def _id(output: str) -> str:
    found = _ID.search(output)
    assert found, output
    return found.group(1)


def test_share_with_another_project(glance_as: GlanceAs, tmp_path: Path) -> None:
    alice, bob = glance_as("token-of-alice"), glance_as("token-of-bob")
    source = converted(tmp_path, "qcow2")
    image = _id(
        alice(
            "image-create", "--name", "shared", "--disk-format", "qcow2", "--container-format",
            "bare", "--file", str(source), "--progress", "--property", "os_version=12",
        )
    )  # fmt: skip
    assert image not in bob("image-list")
    assert bob.run("image-show", image).returncode != 0

    alice("member-create", image, "blue")
    assert image not in bob("image-list")
    bob("member-update", image, "blue", "accepted")
    assert image in bob("image-list")
    assert "accepted" in alice("member-list", "--image-id", image)
    saved = tmp_path / "saved"
    bob("image-download", image, "--file", str(saved))
    assert saved.read_bytes() == source.read_bytes()
    assert bob.run("image-delete", image).returncode != 0

    alice("member-delete", image, "blue")
    assert bob.run("image-show", image).returncode != 0


def test_the_life_of_an_image(glance_as: GlanceAs, tmp_path: Path) -> None:
    alice = glance_as("token-of-alice")
    source = converted(tmp_path, "vmdk")
    image = _id(
        alice(
            "image-create", "--name", "piped", "--disk-format", "vmdk", "--container-format",
            "bare", "--tags", "one", "--visibility", "private", stdin=source,
        )
    )  # fmt: skip
    assert "active" in alice("image-show", image)
    alice("image-update", image, "--property", "hw_rng_model=virtio", "--min-disk", "2")
    assert "hw_rng_model" in alice("image-show", image)
    assert image in alice("image-list", "--property-filter", "hw_rng_model=virtio")
    alice("image-update", image, "--remove-property", "hw_rng_model")
    assert "hw_rng_model" not in alice("image-show", image)
    alice("image-tag-update", image, "two")
    assert image in alice("image-list", "--tag", "two", "--tag", "one")
    alice("image-tag-delete", image, "two")
    alice("image-deactivate", image)
    assert alice.run("image-download", image, "--file", str(tmp_path / "no")).returncode != 0
    alice("image-reactivate", image)
    saved = tmp_path / "saved"
    alice("image-download", image, "--file", str(saved), "--progress")
    assert saved.read_bytes() == source.read_bytes()
    assert "file1" in alice("stores-info")
    alice("image-delete", image)
    assert alice.run("image-show", image).returncode != 0
