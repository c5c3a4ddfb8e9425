"""The life of images through ``openstack image …`` of python-openstackclient."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Client
from tests.images import GRUB_ISO, QEMU_FORMATS, converted, package_file


@pytest.mark.parametrize("disk_format", sorted(QEMU_FORMATS))
def test_a_real_image_of_each_format_goes_in_and_comes_out(
    openstack: Client, tmp_path: Path, disk_format: str
) -> None:
    source = converted(tmp_path, disk_format)
    created = openstack.json(
        "image", "create", "--file", str(source), "--disk-format", disk_format,
        "--property", "os_distro=debian", f"e2e {disk_format}",
    )  # fmt: skip
    assert created["status"] == "active"
    assert created["size"] == source.stat().st_size
    saved = tmp_path / "saved"
    openstack("image", "save", "--file", str(saved), created["id"])
    assert saved.read_bytes() == source.read_bytes()


def test_the_life_of_an_image(openstack: Client, tmp_path: Path) -> None:
    source = package_file(GRUB_ISO)
    created = openstack.json(
        "image", "create", "--disk-format", "iso", "--file", str(source), "--progress",
        "--tag", "rescue", "--min-ram", "64", "--protected", "grub rescue",
    )  # fmt: skip
    image = created["id"]

    shown = openstack.json("image", "show", "grub rescue")
    assert shown["id"] == image
    assert (shown["tags"], shown["min_ram"], shown["protected"]) == (["rescue"], 64, True)

    listed = openstack.json("image", "list", "--tag", "rescue", "--status", "active")
    assert [row["ID"] for row in listed] == [image]
    assert openstack.json("image", "list", "--name", "no such image") == []

    openstack(
        "image", "set", "--property", "hw_disk_bus=virtio", "--property", "os.odd:name=x",
        "--tag", "golden", "--unprotected", "--name", "renamed", image,
    )  # fmt: skip
    shown = openstack.json("image", "show", image)
    assert shown["properties"]["hw_disk_bus"] == "virtio"
    assert shown["properties"]["os.odd:name"] == "x"
    assert (shown["name"], sorted(shown["tags"])) == ("renamed", ["golden", "rescue"])
    listed = openstack.json("image", "list", "--property", "hw_disk_bus=virtio", "--long")
    assert [row["ID"] for row in listed] == [image]

    openstack("image", "unset", "--property", "hw_disk_bus", "--tag", "golden", image)
    shown = openstack.json("image", "show", image)
    assert "hw_disk_bus" not in shown["properties"]
    assert shown["tags"] == ["rescue"]

    openstack("image", "set", "--deactivate", image)
    assert openstack.json("image", "show", image)["status"] == "deactivated"
    openstack("image", "set", "--activate", image)
    openstack("image", "set", "--private", "--hidden", image)
    assert openstack.json("image", "list", "--tag", "rescue") == []
    assert openstack.json("image", "list", "--tag", "rescue", "--hidden")[0]["ID"] == image

    openstack("image", "delete", image)
    assert openstack.run("image", "show", image).returncode != 0


def test_an_image_from_standard_input(openstack: Client, tmp_path: Path) -> None:
    source = converted(tmp_path, "qcow2")
    created = openstack.json("image", "create", "--disk-format", "qcow2", "piped", stdin=source)
    shown = openstack.json("image", "show", created["id"])
    assert (shown["status"], shown["size"]) == ("active", source.stat().st_size)


def test_a_refused_image_says_why_and_leaves_nothing(openstack: Client, tmp_path: Path) -> None:
    source = converted(tmp_path, "qcow2")
    refused = openstack.run(
        "image", "create", "--disk-format", "vmdk", "--file", str(source), "not a vmdk"
    )
    assert refused.returncode != 0
    # The reason itself, and not the words for its status: what is wrong with the file.
    assert b"vmdk" in refused.stderr.partition(b"415")[2].replace(b"not a vmdk", b""), (
        refused.stderr
    )
    assert openstack.json("image", "list", "--name", "not a vmdk", "--status", "active") == []
